"""04: is efficacy best in a narrow, route-dependent range of doses?

- A dose is *stated* in its own unit per administration; it is converted to *particles* only by a named factor, with its range.
- A *reading* of a dose is one way to understand its words or factor; a *dial* is an assumption that the reader may change.
- An *effect* compares an arm with another one of the same report; a *window* is the range of doses that were effective.
- A *verdict* says how far a claim of the paper on doses stands under the dials.

Begin with ``stated_doses`` (as registries state them), then ``to_particles``, ``effect_sizes``, ``dose_windows``,
``dose_verdicts``. ``evidence`` lists the dials and gathers what is known of each tested dose; ``parse`` reads doses from
free text; ``figures`` and ``stated_figures`` draw.
"""

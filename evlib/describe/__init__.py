"""03: what are the included trials like?

- A *coded field* holds one code of a list in ``protocol.yml`` (disease area, cell source, route …): the readers' code where
  there is one, else the one that rules read from the record's words; what a record does not say stays missing.
- An *added field* is one that the protocol adds to those that ``evlib`` knows, with the columns of the records it is read from.

Begin with ``coded_fields``. The figures are in ``bars``, ``figures``, ``maps`` and ``reporting``; for them, ``tally``
counts trials by their values and puts the counts into words, and ``drawing`` has the parts of a drawing (grids, bars, legends).
"""

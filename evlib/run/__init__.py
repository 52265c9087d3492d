"""A whole run: the notebooks of a review for one search date, only those that are out of date, swapped in as a whole.

- The *key* of a notebook is a checksum of its text, its code, its parameters and its data; with the same key it need not run.
- A *review* is a folder with a ``protocol.yml``: the first is the repository itself, others are in ``reviews``.
- A *sweep* computes the review at many search dates.

Begin with ``pipeline``. The notebooks import nothing from here.
"""

# For ``gc.set_threshold``: after how many new objects Python looks for garbage. With its own 700, a tenth of the time of a run and of
# a book goes into that, and next to nothing is found.
RARELY = (100_000, 50, 100)

"""02: which of the records belong in the review?

- A *decision* is include, exclude (by a criterion) or unclear, on one record by one *reviewer*: a machine reading, or a person.
- It is *settled* where two readings agree or a third one decides; people's decisions win.
- A record without a decision is *pending*: the rules (*eligibility*) propose one, and it never counts as included.
- *Duplicates* are records of one trial; pairs that are only alike are *proposals* for a person.
- The *flow* is PRISMA 2020's count of records, from identified to included.

Begin with ``screening``; ``judging`` saves people's decisions, ``exchange`` trades them with other screening tools.
"""

"""03: what are the included trials like?

- A *coded field* holds one code of a list in ``protocol.yml`` (disease area, cell source, route …), read from the record's
  words by readers' codes where there are some, else by rules; what a record does not say stays missing.
- An *added field* is one that the protocol adds to those that ``evlib`` knows, with the columns of the records it is read from.

Begin with ``coded_fields``. The figures are in ``bars``, ``figures``, ``maps`` and ``reporting``; ``tally`` counts trials by their
values for them and puts the counts into words, ``drawing`` has the parts that they are drawn from.
"""

"""03: what are the included trials like?

- A *coded field* holds one code of a list in ``protocol.yml`` (disease area, cell source, route …), read from the record's
  words by hand-written codes where there are some, else by rules; what a record does not say stays missing.

Begin with ``coded_fields``.
"""

"""What all other folders of ``evlib`` share; it imports none of them.

- A *table* is a ``pandas.DataFrame`` with the columns that ``schema`` gives it; ``tables`` shows one on a page.
- The *protocol* is the review as data, ``protocol.yml``: question, registries, query, criteria, codes.
- A *registration number* (TRN) names a record of a registry; ``identifiers`` knows the forms of each registry.
- An *input error* is for the person who runs the review: what is wrong, in which file and record, what to do.
"""

"""05 and 06: do the paper's claims hold, and what has changed since an earlier search?

- A *claim* is a sentence or number of the paper, with the one *check* that it is put to; the *ledger* lists all verdicts.
- Two *searches* are compared: trials that are new or gone, changed records, every headline number before and after.
- The review *by search date* is one row for each of many dates.

Begin with ``checks`` for the audit, ``compare`` for updates, ``by_search_date`` for the rows.
"""

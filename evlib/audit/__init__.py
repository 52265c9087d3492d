"""05 and 06: do the paper's claims hold, and what has changed since an earlier search?

- A *claim* is a sentence or number of the paper, held against one *check*; the *ledger* lists the verdicts on all.
- Claims that one correction of the text would settle are one *finding*.
- Two *searches* are compared: trials that are new or gone, changed records, every headline number before and after.
- The review *by search date* is one row for each of many dates.

Begin with ``checks`` for the audit, ``compare`` for updates, ``by_search_date`` for the rows.
"""

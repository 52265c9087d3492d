"""01: which registry records do we have, and how far can we trust them?

- A *source* is a file of records: a snapshot of ours, a live search, a registry's export.
- A *snapshot* is a folder of records named by the day on which they were retrieved.
- A *record* is what one registry says of one trial; a row that cannot be used is a *reject*, with file, line and reason.
- A date of registration is *observed* (the record shows it), *estimated* (from neighbouring numbers) or only *bounded*.

Begin with ``sources``, which reads all of a run's files; the readers of single formats are in ``registries``, and
``retrieval`` tells of which day a file is.
"""

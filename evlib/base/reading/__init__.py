"""How what registries, people and programs write is read: encodings, rows of CSV, references in RIS, names of countries,
words for the state of a trial.

- A *row* comes whole, mended where there is one way to, or as an exception that names it.
- An *encoding* is told by the bytes, and said where it is not UTF-8.
"""

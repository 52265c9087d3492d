"""Lessons: some of the chapters' cells as a notebook with its data beside it, for pandas and seaborn alone.

A cell that can be lifted into a lesson has the tag ``lesson``. Its metadata say what it ``teaches`` and ``shows``, what to keep in
``mind`` of its numbers, how many ``minutes`` it takes, and give an ``exercise`` with its ``solution``. What it needs is read from its
code, so that the index of cells cannot differ from what a cell does. ``chapters`` reads the cells, ``data`` their tables and what the
columns mean; ``notebook`` makes a lesson, ``pages`` all those of the book.
"""

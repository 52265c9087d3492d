"""The book of a run: prose pages with the run's numbers, the executed chapters, a page for each trial (``trials``) and
to look things up (``look_up``), lessons, the data set.

Begin with ``build``, which compiles and keeps the book; ``layout`` writes what it compiles. The notebooks import nothing from here.
"""

"""The logic behind the evtrials notebooks: tables in, tables out.

Each module is one step that a trial record takes on its way from a registry to the book. Nothing here reads a file
that was not named by the caller, and nothing runs at import.
"""

__version__ = "0.1.0"

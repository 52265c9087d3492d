"""The one error that is written for the person who runs the review."""

NOT_WHOLE = "not whole"  # begins the reason of a reject that stands for all the rest of a file
NOT_IN_SOURCES = "no record of this number is in the sources of this run."  # begins that of a decision on such a record


class InputError(Exception):
    """Something that a person gave (a date, a file, a row) cannot be used.

    The message says what is wrong, in which file and record, and what to do about it. The command line prints it
    without a traceback and exits with status 1.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython shows of it in a notebook: the sentence alone."""
        return [f"{type(self).__name__}: {self}"]

"""Some of a process's work done by another one meanwhile."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Have a fork of this process do some work meanwhile; gives a function that waits until it is done.

    What the fork could not do is done here, so that an error is told as any other.
    """
    if not hasattr(os, "fork"):
        yield work
        return
    fork = os.fork()
    if not fork:
        failed = 1
        with suppress(BaseException):
            gc.freeze()  # what it inherits is left alone
            os.closerange(3, 1024)  # among them the lock of the build, which is free as soon as this process is killed
            work()
            failed = 0
        os._exit(failed)
    forks = [fork]

    def wait() -> None:
        if os.waitpid(forks.pop(), 0)[1]:
            work()

    try:
        yield wait
    finally:
        for left in forks:  # something else failed
            os.kill(left, signal.SIGKILL)
            os.waitpid(left, 0)

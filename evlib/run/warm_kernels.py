"""Kernels that start in a moment: one process imports what the notebooks import, and each kernel is a fork of it; so is other work.

A kernel that starts from nothing spends five seconds of a processor on imports that are the same for every notebook. Here a
run spends them once. Where a process cannot be forked, or the one with the imports has ended, kernels start in Jupyter's own way, and work
is done by the process that asks for it.
"""

import asyncio
import gc
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial, partialmethod
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from evlib.run import RARELY

_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # notebooks run side by side; a fork has one thread
_OF_EVERY_KERNEL = (
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "IPython.core.debugger",
    "psutil",
    "sqlite3",
)
_INLINE = "module://matplotlib_inline.backend_inline"  # Matplotlib's backend in a kernel that starts from nothing

Kernels = Callable[[list[str]], type[AsyncKernelManager]]  # modules that a notebook imports → class of its manager


class Warm(NamedTuple):
    """What forks of the process with the imports do: run notebooks, and work with files meanwhile."""

    kernels: Kernels
    # A function of paths and the paths → a block that gives a function that waits until it is done.
    working: Callable[..., AbstractContextManager[Callable[[], None]]]


@contextmanager
def warm_kernels(modules: list[str]) -> Iterator[Warm]:
    """Gives classes of kernel managers whose kernels start with their notebook's imports done, and forks to work; they end with the block.

    Parameters
    ----------
    modules
        What to import while no kernel is requested. One that cannot be imported is left to the notebook that names it.
    """
    if not hasattr(os, "fork"):
        yield Warm(lambda _: AsyncKernelManager, working_here)
        return
    command = [sys.executable, "-P", "-c", "from evlib.run.warm_kernels import serve; serve()", *modules]
    with subprocess.Popen(
        command,
        env={**os.environ, **_ONE_THREAD, "MPLBACKEND": _INLINE},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C reaches the run alone, which ends the kernels
    ) as server:
        lock = Lock()

        def managers(needed: list[str]) -> type[AsyncKernelManager]:
            start = staticmethod(partial(_start, server, lock))
            return type("WarmKernelManager", (_Manager,), {"start": start, "needed": needed})

        try:
            yield Warm(managers, partial(_working, server, lock))
        finally:
            with suppress(BrokenPipeError):
                server.stdin.close()  # it ends its kernels, then itself
            server.wait()


@contextmanager
def working_here(function: Callable[..., None], *paths: Path) -> Iterator[Callable[[], None]]:
    """``Warm.working`` without another process: all is done when it is waited for."""
    yield partial(function, *paths)


@contextmanager
def _working(server: subprocess.Popen, lock: Lock, function: Callable[..., None], *paths: Path) -> Iterator[Callable]:
    """Have a fork do some work; what it could not do is done here, so that an error is told as any other."""
    place = (function.__module__, function.__name__)
    fork = _start(server, lock, {"modules": [], "work": [*place, *map(str, paths)]})

    def wait() -> None:
        nonlocal fork
        ended = server.stdout.readline() if fork else ""
        fork = None
        if ended != "0\n":
            function(*paths)

    try:
        yield wait
    finally:
        if fork:  # something else failed
            with suppress(ProcessLookupError):
                os.killpg(fork.pid, signal.SIGKILL)
                server.stdout.readline()


def serve() -> None:
    """Fork a process for each line of JSON on standard input; meanwhile import the modules named on the command line.

    A line holds ``modules``, which are imported first, and of a kernel ``connection_file`` and ``cwd``, of other ``work`` the module and
    the name of a function and its paths; the answer is the number of the process, and when work has ended, how. At most one line at a
    time awaits its answer.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # as ``spare_grammars`` does
    sys.modules.setdefault("debugpy", None)  # each kernel would compile the debugger anew, and none is debugged
    sys.modules.setdefault("hypothesis", None)  # pandera would load it with the first table that it checks
    for module in _OF_EVERY_KERNEL:
        _import(module)

    gc.set_threshold(*RARELY)
    answers, later, kernels = sys.stdout, sys.argv[1:], set()

    def clear_away(*_: object) -> None:
        """Forget kernels that ended: the system gives their numbers to other processes."""
        with suppress(ChildProcessError):
            while ended := os.waitpid(-1, os.WNOHANG)[0]:
                kernels.discard(ended)

    with Path(os.devnull).open("w") as sys.stdout:  # standard output is for the answers
        signal.signal(signal.SIGCHLD, clear_away)
        while True:
            if later and not select.select([sys.stdin], [], [], 0)[0]:
                _import(later.pop(0))
                continue
            line = sys.stdin.readline()
            if not line:
                break
            job, parent = json.loads(line), os.getpid()
            for module in job["modules"]:
                _import(module)
            gc.freeze()  # the garbage collectors of kernels skip what is loaded
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # else it could end before it is added
            child = os.fork()
            if not child:
                if "work" in job:
                    _work(*job["work"])
                _become_kernel(job["connection_file"], job["cwd"], parent)
            if "work" in job:
                os.setpgid(child, child)  # so that its own forks can be ended with it
                print(child, file=answers, flush=True)
                print(os.waitpid(child, 0)[1], file=answers, flush=True)
            else:
                kernels.add(child)
                print(child, file=answers, flush=True)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for kernel in kernels:
        os.kill(kernel, signal.SIGKILL)
    for kernel in kernels:
        os.waitpid(kernel, 0)


def _import(module: str) -> None:
    with suppress(Exception):  # the notebook that imports it reports the error
        import_module(module)


def _work(module: str, function: str, *paths: str) -> None:
    failed = 1
    with suppress(BaseException):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        getattr(import_module(module), function)(*map(Path, paths))
        failed = 0
    os._exit(failed)


def _become_kernel(connection_file: str, cwd: str, parent: int) -> None:
    from ipykernel.kernelapp import launch_new_instance

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115  (for the process's life)
    os.chdir(cwd)
    sys.argv = ["ipykernel_launcher"]
    try:
        launch_new_instance(
            ["-f", connection_file, "--log-level=CRITICAL", f"--IPKernelApp.parent_handle={parent}"],
            kernel_name="python3",
        )
    finally:
        os._exit(0)


def _start(server: subprocess.Popen, lock: Lock, job: dict[str, Any]) -> "_Fork | None":
    """Have a process forked; None where the server has ended (out of memory, or stopped by somebody)."""
    with lock:
        try:
            server.stdin.write(json.dumps(job) + "\n")
            server.stdin.flush()
            answer = server.stdout.readline()
        except (OSError, ValueError):
            answer = ""
    return _Fork(int(answer)) if answer else None


class _Fork:
    """A forked kernel, with the part of ``subprocess.Popen`` that a kernel manager uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        try:
            return os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0

    def wait(self) -> int:
        return 0  # called only after poll() says that it ended

    def send_signal(self, signum: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signum)

    kill = partialmethod(send_signal, signal.SIGKILL)
    terminate = partialmethod(send_signal, signal.SIGTERM)


class _Provisioner(LocalProvisioner):
    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict:
        manager = self.parent
        job = {"connection_file": manager.connection_file, "cwd": str(kwargs.get("cwd") or Path.cwd())}
        self.process = await asyncio.to_thread(manager.start, job | {"modules": manager.needed})
        if self.process is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.process.pid
        return self.connection_info


class _Client(AsyncKernelClient):
    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """As Jupyter's own, which then listens until a ready kernel has said nothing for 0.2 s; what comes later is passed over."""
        channel, listen = self.iopub_channel, self.iopub_channel.get_msg
        channel.get_msg = lambda timeout: listen(timeout=timeout / 10)
        await self._async_wait_for_ready(timeout)
        del channel.get_msg


class _Manager(AsyncKernelManager):
    client_factory = _Client

    async def _async_pre_start_kernel(self, **kwargs: Any) -> tuple[list[str], dict]:
        if self.provisioner is None:
            self.kernel_id = self.kernel_id or "warm"
            self.provisioner = _Provisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
        return await super()._async_pre_start_kernel(**kwargs)

    pre_start_kernel = _async_pre_start_kernel  # Jupyter's own asynchronous manager has both names, too

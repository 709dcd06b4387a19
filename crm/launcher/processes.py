"""Child processes that end with the program that started them, whatever ends it.

The kernel tells a child of its parent's death (PR_SET_PDEATHSIG) and hands orphaned grandchildren
to the nearest ancestor that asked for them (PR_SET_CHILD_SUBREAPER); see prctl(2). Both exist on
Linux only. Elsewhere an orderly stop works the same, but a killed launcher leaves its children.
"""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)

Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Program:
    """What to run, and how to end it: `stop_signal`, then SIGKILL after `grace_seconds`.

    `log` takes everything it prints (None: it shares our terminal); `account` is another user to
    run as; `held` are file descriptors that it keeps open for as long as it lives. One that `saves`
    gets its grace even when we are in a hurry.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path = Path("/")
    log: Path | None = None
    account: pwd.struct_passwd | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 5.0
    held: tuple[int, ...] = ()
    saves: bool = False


def spawn(program: Program) -> Process:
    """Start it in a session of its own, so that a Ctrl-C in the terminal reaches only us.

    Call this from a thread that lives as long as the program: the kernel takes the end of the
    starting thread for the end of the parent.
    """
    account = program.account
    with contextlib.ExitStack() as files:
        output = None
        if program.log:
            output = files.enter_context(open(program.log, "ab", opener=_private))
        return subprocess.Popen(
            program.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            cwd=program.folder,
            env=dict(program.environment),
            start_new_session=True,
            pass_fds=program.held,
            preexec_fn=_end_with(os.getpid(), program.stop_signal),
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )


def stop(program: Program, process: Process, grace_seconds: float) -> bool:
    """Ask it to end and wait; whether it did. If not, its whole process group is killed."""
    if grace_seconds:
        process.send_signal(program.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
    if process.poll() is not None:
        return True
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return False


def end_with_parent(parent: int, last_word: signal.Signals) -> None:
    """Have the kernel send us `last_word` when our parent, process `parent`, dies."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, int(last_word), 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans(known: Collection[int] = ()) -> None:
    """Kill the children that we adopted, with all theirs; `known` are those we started."""
    for child in _children().get(os.getpid(), ()):
        if child not in known:
            for pid in (child, *_descendants(child)):
                _kill(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def end_everything(grace_seconds: float) -> None:
    """Wait for all our children, own and adopted, to end; kill those that take longer."""
    deadline = time.monotonic() + grace_seconds
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            time.sleep(0.02)
        if time.monotonic() > deadline:
            for descendant in _descendants(os.getpid()):
                _kill(descendant)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _end_with(parent: int, last_word: signal.Signals) -> Callable[[], None]:
    return lambda: end_with_parent(parent, last_word)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _children() -> dict[int, list[int]]:
    """Every process of the machine under its parent; empty where there is no /proc."""
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may itself hold spaces and parentheses.
            parent = int(entry.read_text(errors="replace").rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        found.setdefault(parent, []).append(int(entry.parent.name))
    return found


def _descendants(pid: int) -> list[int]:
    children = _children()
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found

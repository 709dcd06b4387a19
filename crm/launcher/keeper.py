"""Two processes instead of one, so that not even kill -9 leaves anything behind.

The first process, the keeper, only waits and passes signals on. The second does the work. When the
keeper is killed, the kernel tells the worker, which stops everything; when the worker is killed,
the keeper inherits what it had started and ends that. Should both be killed at once, their children
still hear of it from the kernel and end by themselves, unless they are deaf to SIGTERM.
"""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from .processes import adopt_orphans, end_everything, end_with_parent

_STOPPING_SECONDS = 5.0


def keep(work: Callable[[], int]) -> int:
    """Run `work` in a second process and give its exit code once all its children have ended."""
    keeper = os.getpid()
    adopt_orphans()
    worker = os.fork()
    if not worker:
        _become_worker(keeper, work)
    _pass_signals_on(worker)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == worker:
            end_everything(_STOPPING_SECONDS)
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _become_worker(keeper: int, work: Callable[[], int]) -> NoReturn:
    code = 1
    try:
        os.setsid()  # a Ctrl-C in the terminal reaches the keeper only, which passes it on once
        end_with_parent(keeper, signal.SIGTERM)
        adopt_orphans()
        code = work()
    except BaseException:  # nothing may run on in the copy of the keeper that this process is
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)


def _pass_signals_on(worker: int) -> None:
    def pass_on(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under nohup the end of the terminal is not meant for us; a shell's background job, on
        # the other hand, is started with SIGINT ignored, and must still obey one.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, pass_on)

"""Signals as something to wait for, so that none ever interrupts half-done work."""

import contextlib
import os
import select
import signal
from types import FrameType
from typing import Self

_STOP = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """While open, SIGINT and SIGTERM only set `stop_asked`, and end a `wait` at once.

    The end of a child ends a `wait` too.
    """

    def __init__(self) -> None:
        self.stop_asked = False
        self._bell, self._rope = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._rope, False)

    def __enter__(self) -> Self:
        signal.set_wakeup_fd(self._rope, warn_on_full_buffer=False)
        for number in (*_STOP, signal.SIGCHLD):
            signal.signal(number, _noted)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._bell)
        os.close(self._rope)

    def wait(self, seconds: float) -> bool:
        """Sleep until the time is over or a signal comes; whether we have been asked to stop."""
        if not self.stop_asked:
            select.select([self._bell], [], [], seconds)
        with contextlib.suppress(BlockingIOError):  # nothing rang
            rung = os.read(self._bell, 4096)
            self.stop_asked = self.stop_asked or any(number in rung for number in _STOP)
        return self.stop_asked


def _noted(number: int, frame: FrameType | None) -> None:
    """The wake-up descriptor has told already."""

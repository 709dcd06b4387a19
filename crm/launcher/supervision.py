"""Looks after child processes: starts the dead again, ends all of them in order."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from .errors import CannotStart
from .homes import Home
from .processes import Process, Program, end_orphans, spawn, stop
from .progress import say
from .signals import Signals

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0  # after this long a child counts as well again


class StopAsked(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


@dataclass
class _Child:
    program: Program
    process: Process
    started: float
    pause: float = _FIRST_PAUSE_SECONDS
    start_again: float | None = None


class Supervisor:
    """Runs programs until it is told to stop. Not for use from several threads."""

    def __init__(self, signals: Signals, home: Home, keeper: int) -> None:
        self._signals = signals
        self._home = home
        self._keeper = keeper
        self._children: list[_Child] = []
        self._current: Process | None = None

    def start(self, program: Program) -> Process:
        """Start a program that has to run until the end; it is started again whenever it dies."""
        child = _Child(program, spawn(program), time.monotonic())
        self._children.append(child)
        return child.process

    def run(self, program: Program) -> None:
        """Run a program to its end.

        Raises `CannotStart` when it fails, and `StopAsked` (the program stopped) when told to.
        """
        process = self._current = spawn(program)
        try:
            self.look_after_all(lambda: process.poll() is not None)
        finally:
            self._stop(program, process)
            self._current = None
        if process.returncode:
            raise CannotStart(f"{program.name} failed ({_ending(process)})")

    def look_after_all(self, done: Callable[[], bool], every_seconds: float = 5.0) -> None:
        """Keep all programs running until `done()`; raises `StopAsked` when told to stop."""
        while not done():
            due = [child.start_again for child in self._children if child.start_again]
            pause = min([every_seconds, *(moment - time.monotonic() for moment in due)])
            if self._signals.wait(max(pause, 0)):
                raise StopAsked
            self._revive()

    def stop_all(self) -> None:
        """Stop in the reverse order of starting."""
        while self._children:
            child = self._children.pop()
            self._stop(child.program, child.process)
        end_orphans()

    def _stop(self, program: Program, process: Process) -> None:
        """Somebody who kills the keeper wants all gone at once: only what saves gets its grace."""
        hurry = os.getppid() != self._keeper and not program.saves
        if not stop(program, process, 0 if hurry else program.grace_seconds) and not hurry:
            say(f"  {program.name} did not end within {program.grace_seconds:.0f} s and was killed")

    def _revive(self) -> None:
        for child in self._children:
            if child.start_again is None and child.process.poll() is not None:
                self._note_death(child)
            if child.start_again is not None and child.start_again <= time.monotonic():
                child.process, child.started = spawn(child.program), time.monotonic()
                child.start_again = None

    def _note_death(self, child: _Child) -> None:
        now, name = time.monotonic(), child.program.name
        if now - child.started > _HEALTHY_SECONDS:
            child.pause = _FIRST_PAUSE_SECONDS
        say(
            f"  {name} ended after {now - child.started:.0f} s ({_ending(child.process)});"
            f" starting it again in {child.pause:.1f} s\n{self._home.last_words(name)}"
        )
        # Its own children, which we have inherited, would be in the way of the new one.
        end_orphans(known=self._own())
        child.start_again = now + child.pause
        child.pause = min(child.pause * 2, _LONGEST_PAUSE_SECONDS)

    def _own(self) -> set[int]:
        current = {self._current.pid} if self._current else set()
        return current | {child.process.pid for child in self._children}


def _ending(process: Process) -> str:
    code = process.returncode
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"

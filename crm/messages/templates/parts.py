"""A template ready to be filled in: literal pieces and functions, joined for each member."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from html import escape

from crm.errors import N_
from crm.http.fields import Said
from crm.messages.templates.filters import Filtered
from crm.messages.templates.marks import Mark, Marked, Mistakes
from crm.messages.templates.showing import LONGEST, Scene, look_up, one_line, plain

MARKUP = re.compile("[&<>\"']")  # what `escape` changes
Part = str | Callable[[Scene], str]
Finish = Callable[[str], str]
MISPLACED = N_("Line {line}: a condition must begin and end inside the same element.")


def in_html(text: str) -> str:
    """A value inside HTML: what it holds is text there, never markup."""
    return escape(text, quote=True) if MARKUP.search(text) else text


def in_text(text: str) -> str:
    """A value inside plain text."""
    return plain(text)


def in_header(text: str) -> str:
    """A value inside a subject: one line."""
    return one_line(text)


def filled(parts: Sequence[Part], scene: Scene) -> str:
    """The parts joined for one member. Names without a value are added to `scene.missing`."""
    return "".join([part if type(part) is str else part(scene) for part in parts])  # type: ignore[operator]


def assemble(marked: Marked, text: str, finish: Finish, *, whole: bool = True) -> tuple[Part, ...]:
    """The parts of `text`, in which the marks of `marked` stand.

    `whole`: each mark must have stayed. Raises `Mistakes` where a condition was torn apart.
    """
    pieces = marked.pattern.split(text)
    seen = {int(number) for number in pieces[1::2]}
    if whole and len(seen) < len(marked.marks):
        lost = next(mark for number, mark in enumerate(marked.marks) if number not in seen)
        raise _misplaced(lost)
    frames: list[_Frame] = [_Frame()]
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            if piece:
                frames[-1].parts.append(piece)
            continue
        mark = marked.marks[int(piece)]
        if mark.put is not None:
            frames[-1].parts.append(mark.put)
        elif mark.output is not None:
            frames[-1].parts.append(_output(mark.output, finish))
        else:
            _turn(frames, mark)
    if len(frames) > 1:
        raise _misplaced(frames[-1].mark)
    return tuple(frames[0].parts)


class _Frame:
    """What is being assembled: the parts of one branch, and the branches before it."""

    def __init__(self, mark: Mark | None = None) -> None:
        self.mark = mark
        self.test = mark.test if mark else None
        self.parts: list[Part] = []
        self.branches: list[tuple[Callable[[Scene], bool], tuple[Part, ...]]] = []

    def close(self) -> None:
        """End the current branch."""
        self.branches.append((self.test or _always, tuple(self.parts)))
        self.parts = []


def _turn(frames: list[_Frame], mark: Mark) -> None:
    if mark.kind == "if":
        frames.append(_Frame(mark))
        return
    frame = frames[-1]
    if frame.mark is None or frame.mark.group != mark.group:
        raise _misplaced(mark)
    frame.close()
    frame.test = mark.test
    if mark.kind == "endif":
        frames.pop()
        frames[-1].parts.append(_choice(tuple(frame.branches)))


def _misplaced(mark: Mark | None) -> Mistakes:
    return Mistakes(Said("misplaced_condition", MISPLACED, line=mark.line if mark else 1))


def _always(scene: Scene) -> bool:
    return True


def _choice(branches: tuple[tuple[Callable[[Scene], bool], tuple[Part, ...]], ...]) -> Part:
    def choose(scene: Scene) -> str:
        for test, parts in branches:
            if test(scene):
                return filled(parts, scene)
        return ""

    return choose


@lru_cache(maxsize=4096)
def _output(output: Filtered, finish: Finish) -> Part:
    """What puts a field's value; the same function for the same output, which is filled once."""
    name, value_of = output.field.name, look_up(output.field.path)
    show, fallback, changes = output.show, output.fallback, output.changes

    def put(scene: Scene) -> str:
        value = value_of(scene)
        text = None if value is None else show(value, scene)
        if not text:
            if fallback is None:
                scene.missing.append(name)
                return finish(f"[{name}]")
            text = fallback
        for change in changes:
            text = change(text)
        return finish(text[:LONGEST])

    put.field = name  # type: ignore[attr-defined]  # functions take attributes
    return put

"""JSON as storefronts should send it: no NaN, no duplicate keys, nothing PostgreSQL can't keep."""

import json
import re
from typing import Any

from crm.errors import N_, FieldError, Invalid, Malformed

ESCAPES = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]")  # of NUL, and of halves of surrogate pairs
MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]')
LARGEST = 2**53 - 1  # the integers that every JSON reader keeps exactly (RFC 7493)
DEEPEST = 60


def _refuse_constant(name: str) -> None:
    raise Malformed(reason=f"{name} is not a number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(reason=f"the key {twice[:60]!r} stands twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Malformed(reason=f"{text[:40]} is too large a number")
    return number


class _Large(Exception):
    """An integer that may not be exact everywhere; what it is called has to be looked for."""


def _short(text: str) -> int:
    if len(text) > 15:
        raise _Large()
    return int(text)


def _any(text: str) -> int:
    if len(text) > 40:
        raise Malformed(reason="a number has more than 40 digits")
    return int(text)


_hooks: dict[str, Any] = {
    "object_pairs_hook": _unique,
    "parse_constant": _refuse_constant,
    "parse_float": _finite,
}
_decoder = json.JSONDecoder(**_hooks, parse_int=_short)
_patient = json.JSONDecoder(**_hooks, parse_int=_any)


def loads(raw: bytes) -> Any:
    """The value of a JSON body.

    Raises `Malformed` (400) for what is not JSON, `Invalid` (422, naming the place) for text or
    integers that can't be stored exactly.
    """
    suspicious = b"\\u" in raw and ESCAPES.search(raw) is not None
    try:
        value = _decode(_decoder, raw)
    except _Large:
        value, suspicious = _decode(_patient, raw), True
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _is_too_deep(value):
        raise _too_deep(raw)
    if suspicious:
        errors: list[FieldError] = []
        _inspect(value, "", errors)
        if errors:
            raise Invalid(errors)
    return value


def _decode(decoder: json.JSONDecoder, raw: bytes) -> Any:
    try:
        return decoder.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise Malformed(reason="it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Malformed(reason=f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise _too_deep(raw) from None


def _too_deep(raw: bytes) -> Malformed:
    """The refusal, naming the place at which it became too deep: read by marks, without a value."""
    path: list[str | int] = []
    text, word = raw.decode("utf-8", "replace"), ""
    for mark in MARKS.findall(text):
        if mark in "[{":
            path.append(0 if mark == "[" else "")
            if len(path) > DEEPEST:
                break
        elif mark in "]}":
            del path[-1:]
        elif mark == "," and path and isinstance(path[-1], int):
            path[-1] += 1
        elif mark == ":" and path:
            path[-1] = word[1:-1]
        word = mark
    at = "".join(f"/{escape(str(step))}" for step in path[:-1])
    return Malformed(reason="it is nested too deeply", pointer=at)


def _is_too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _inspect(value: Any, pointer: str, errors: list[FieldError]) -> None:
    if len(errors) >= 20:
        return
    if isinstance(value, str):
        problem = text_problem(value)
        if problem:
            errors.append(FieldError(pointer, "not_storable", problem))
    elif isinstance(value, int) and abs(value) > LARGEST:
        errors.append(
            FieldError(
                pointer, "out_of_range", N_("The number is outside the range that is exact.")
            )
        )
    elif isinstance(value, dict):
        for key, item in value.items():
            _inspect(key, pointer, errors)
            _inspect(item, f"{pointer}/{escape(key)}", errors)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            _inspect(item, f"{pointer}/{place}", errors)


def text_problem(value: str) -> str | None:
    """Why PostgreSQL could not keep this text, or None."""
    if "\0" in value:
        return N_("The text contains a NUL character.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return N_("The text contains half of a surrogate pair.")
    return None


def escape(key: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return key.encode("utf-8", "replace").decode()[:80].replace("~", "~0").replace("/", "~1")

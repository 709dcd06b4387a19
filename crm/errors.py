"""Refusals: what the rules say no with. One place (`crm.http.problems`) turns them into answers.

A kind's `code` is stable and documented; storefronts branch on it. Facts given to the constructor
become members of the problem document and fill the sentence.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar


def N_(text: str) -> str:
    """Mark text for translation where it is written; it is translated where it is shown."""
    return text


class Plural(str):
    """A text that counts: itself the form for many; `one` the form where the fact `by` is 1."""

    __slots__ = ("by", "one")

    def __str__(self) -> str:
        return self  # as `str()` would make a plain text of it


def NN_(one: str, many: str, by: str) -> Plural:
    """Mark a text for translation whose fact `by` stands before a noun, in its two forms."""
    found = Plural(many)
    found.one, found.by = one, by
    return found


class Refused(Exception):
    """The state of things does not allow it (409). Deterministic: a replay answers the same."""

    code: ClassVar[str] = "conflict"
    status: ClassVar[int] = 409
    detail: ClassVar[str] = N_("The current state does not allow this.")

    def __init__(self, *, pointer: str | None = None, **facts: object) -> None:
        super().__init__(self.code, facts)
        self.pointer = pointer
        self.facts = facts


class Unprocessable(Refused):
    """Well-formed, but a rule says no (422)."""

    code, status = "unprocessable", 422
    detail = N_("A rule of the programme does not allow this.")


class NotFound(Refused):
    """Unknown, or not yours to see (404)."""

    code, status = "not_found", 404
    detail = N_("There is nothing here that you may see.")


class Unauthorized(Refused):
    """No key, or one that is not valid (401)."""

    code, status = "unauthorized", 401
    detail = N_("Send a valid API key: Authorization: Bearer <key>.")


class Forbidden(Refused):
    """The key or the role lacks a permission (403); `needs` names it."""

    code, status = "forbidden", 403
    detail = N_("This needs the permission {needs}.")


class TooMany(Refused):
    """Slow down (429); `retry_after` in seconds."""

    code, status = "too_many_requests", 429
    detail = NN_(
        "Too many tries. Try again in {retry_after} second.",
        "Too many tries. Try again in {retry_after} seconds.",
        "retry_after",
    )


class Busy(Refused):
    """The database is away or overloaded (503); `retry_after` in seconds."""

    code, status = "unavailable", 503
    detail = NN_(
        "The service is not available right now. Try again in {retry_after} second.",
        "The service is not available right now. Try again in {retry_after} seconds.",
        "retry_after",
    )


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field: JSON pointer, stable code, sentence."""

    pointer: str
    code: str
    detail: str
    facts: dict[str, object] = field(default_factory=dict)


class Invalid(Refused):
    """Fields of the request are wrong (422); each is named."""

    code, status = "validation_failed", 422
    detail = N_("Some fields are not valid.")

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__()
        self.errors = errors


class Malformed(Refused):
    """The body is not JSON as RFC 8259 has it (400)."""

    code, status = "malformed", 400
    detail = N_("The body is not valid JSON: {reason}.")


def kinds(root: type[Refused] = Refused) -> Iterator[type[Refused]]:
    """Every kind of refusal in the program, for the reference and its test."""
    yield root
    for child in root.__subclasses__():
        yield from kinds(child)

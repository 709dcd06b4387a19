"""Passwords: argon2id with the second recommended option of RFC 9106 (64 MiB, 3 passes)."""

import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

SHORTEST, LONGEST = 10, 200
HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def generated() -> str:
    """A password that nobody has to invent: 20 characters, 120 random bits."""
    return secrets.token_urlsafe(15)


def hashed(password: str) -> str:
    """What stands in the database instead of the password."""
    return HASHER.hash(_plain(password))


def matches(password: str, kept: str | None) -> bool:
    """Whether this is the password of `kept`; takes as long when there is none to compare."""
    try:
        HASHER.verify(kept or _nobodys(), _plain(password))
    except VerifyMismatchError:
        return False
    return kept is not None


def is_dated(kept: str) -> bool:
    """Whether `kept` was made with weaker parameters than today's."""
    return HASHER.check_needs_rehash(kept)


def _plain(password: str) -> bytes:
    # Keyboards write the same accent in two ways; the cut keeps a huge text from costing much.
    short = password[: LONGEST + 1].strip()
    return unicodedata.normalize("NFKC", short).encode("utf-8", "replace")


@cache
def _nobodys() -> str:
    return HASHER.hash(generated())

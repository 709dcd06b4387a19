"""Identifiers: UUIDv7, so that rows made together lie together in every index."""

import time
from hashlib import sha256
from uuid import UUID

from uuid_utils.compat import uuid7 as _uuid7

__all__ = ["digest_id", "stamp", "uuid7"]


def uuid7() -> UUID:
    """A new time-ordered identifier (RFC 9562)."""
    return _uuid7()


def stamp() -> int:
    """This millisecond, with twelve bits below it for the places of rows made together: what the
    database's `uuid7_in_order` takes."""
    return time.time_ns() // 1_000_000 << 12


def digest_id(*parts: str) -> str:
    """The narrow key of some text, as PostgreSQL reads a uuid: 32 hexadecimal digits, the first
    half of the SHA-256 of the parts joined by NUL.

    Callers pass parts that hold no NUL themselves; the door refuses such text.
    """
    return sha256("\0".join(parts).encode()).hexdigest()[:32]

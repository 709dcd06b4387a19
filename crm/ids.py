"""Identifiers: UUIDv7, so that rows made together lie together in every index."""

from hashlib import sha256
from uuid import UUID

from uuid_utils.compat import uuid7 as _uuid7

__all__ = ["digest_id", "uuid7"]


def uuid7() -> UUID:
    """A new time-ordered identifier (RFC 9562)."""
    return _uuid7()


def digest_id(*parts: str) -> str:
    """The narrow key of some text, as PostgreSQL reads a uuid: 32 hexadecimal digits, the first
    half of the SHA-256 of the parts joined by NUL.

    Callers pass parts that hold no NUL themselves; the door refuses such text.
    """
    return sha256("\0".join(parts).encode()).hexdigest()[:32]

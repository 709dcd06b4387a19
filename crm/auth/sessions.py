"""Sessions of signed-in staff. The cookie holds a random token; the database its SHA-256."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import delete, or_, select, update

from crm.auth.models import Staff, StaffSession
from crm.db import call, config, db
from crm.http.permissions import ROLES
from crm.http.principal import Principal

FIND = """
    SELECT s.staff_id, f.name, f.role, f.store, f.member_id,
           s.last_seen_at < %s - interval '1 minute'
    FROM staff_session s JOIN staff f ON f.id = s.staff_id
    WHERE s.token_hash = %s AND s.revoked_at IS NULL AND s.expires_at > %s AND f.active
"""
SEEN = """
    UPDATE staff_session SET last_seen_at = %s
    WHERE token_hash = %s AND last_seen_at < %s RETURNING true
"""


def digest(token: str) -> bytes:
    """What stands in the database instead of the token: 32 bytes."""
    return sha256(token.encode("utf-8", "replace")).digest()


def open(staff: Staff, now: datetime, user_agent: str) -> str:
    """A new session; returns its token, for the cookie and nowhere else."""
    token = secrets.token_urlsafe(32)
    session = StaffSession(
        token_hash=digest(token),
        staff_id=staff.id,
        created_at=now,
        expires_at=now + timedelta(hours=config().session_hours),
        last_seen_at=now,
        user_agent=printable(user_agent),
    )
    db.session.add(session)
    db.session.flush()
    return token


def find(token: str, now: datetime) -> Principal | None:
    """Who is signed in with this token; None when it is unknown, ended or too old.

    Role and store are read afresh, so a change of them counts from the next request.
    """
    hash_ = digest(token)
    row = call(FIND, (now, hash_, now))
    if row is None:
        return None
    staff_id, name, role, store, member_id, stale = row
    if stale:
        call(SEEN, (now, hash_, now))
    return Principal("staff", staff_id, name, ROLES[role], role, store, member_id)


def listed(staff_id: UUID, now: datetime) -> Sequence[StaffSession]:
    """The open sessions of an account, the one seen last first."""
    query = (
        select(StaffSession)
        .where(StaffSession.staff_id == staff_id, StaffSession.revoked_at.is_(None))
        .where(StaffSession.expires_at > now)
        .order_by(StaffSession.last_seen_at.desc(), StaffSession.token_hash)
    )
    return db.session.scalars(query).all()


def end(token: str, now: datetime) -> None:
    """Sign out: end the session of this token."""
    _end(now, StaffSession.token_hash == digest(token))


def end_one(staff_id: UUID, token_hash: bytes, now: datetime) -> None:
    """End one session of an account, picked from its list."""
    _end(now, StaffSession.staff_id == staff_id, StaffSession.token_hash == token_hash)


def end_all(staff_id: UUID, now: datetime) -> None:
    """End every session of an account."""
    _end(now, StaffSession.staff_id == staff_id)


def purge(before: datetime) -> None:
    """Forget sessions that ended before `before`."""
    ended = or_(StaffSession.expires_at < before, StaffSession.revoked_at < before)
    db.session.execute(delete(StaffSession).where(ended))


def printable(user_agent: str) -> str:
    """The browser's own words, short and without characters that can't be stored."""
    return "".join(sign for sign in user_agent[:200] if sign.isprintable())


def _end(now: datetime, *which) -> None:
    query = update(StaffSession).where(*which, StaffSession.revoked_at.is_(None))
    db.session.execute(query.values(revoked_at=now))

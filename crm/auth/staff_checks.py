"""What a staff account must be, and must not become."""

import re
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from crm.auth import passwords
from crm.auth.errors import LastAdmin, StaffMemberUnknown, StaffStoreUnknown
from crm.auth.models import Staff
from crm.db import db
from crm.errors import N_, NN_, FieldError, Invalid

EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
LAST_ADMIN = 7_301_121  # advisory lock: an administrator is being disabled or demoted


def normal(email: str) -> str:
    """An e-mail address as it is kept and compared."""
    return email.strip().lower()


def is_email(address: str) -> bool:
    """Whether a staff account can have this address (ASCII; what browsers call valid)."""
    return len(address) <= 254 and bool(re.fullmatch(EMAIL, address, re.ASCII))


def require_no_email(password: str, email: str) -> None:
    """Raise `Invalid` for a password that everybody would try first."""
    if normal(password) in (email, email.partition("@")[0]):
        raise Invalid(
            [
                FieldError(
                    "/password",
                    "password_is_email",
                    N_("The password must not be the e-mail address."),
                )
            ]
        )


def require_length(password: str, pointer: str) -> None:
    """Raise `Invalid` for a password that is too short or too long; schemas do so for the API."""
    count = len(password.strip())
    if count < passwords.SHORTEST:
        text, facts = (
            NN_(
                "This must have at least {low} character.",
                "This must have at least {low} characters.",
                "low",
            ),
            {"low": passwords.SHORTEST},
        )
        raise Invalid([FieldError(pointer, "too_short", text, dict(facts))])
    if count > passwords.LONGEST:
        text, facts = (
            NN_(
                "This must have at most {high} character.",
                "This must have at most {high} characters.",
                "high",
            ),
            {"high": passwords.LONGEST},
        )
        raise Invalid([FieldError(pointer, "too_long", text, dict(facts))])


def require_existing(body: dict[str, Any]) -> None:
    """Raise `StaffStoreUnknown`, `StaffMemberUnknown` for what an account points to in vain."""
    # Stores and members belong to a room above this one, which can't be called from here; the
    # database knows whether they exist.
    store, member_id = body.get("store"), body.get("member_id")
    if store and not _exists("SELECT FROM store WHERE code = :value", store):
        raise StaffStoreUnknown(pointer="/store", store=store)
    if member_id and not _exists("SELECT FROM member WHERE id = :value", member_id):
        raise StaffMemberUnknown(pointer="/member_id", member_id=str(member_id))


def require_an_admin(*, besides: UUID) -> None:
    """Raise `LastAdmin` unless another active account administers."""
    # The lock makes two administrators who disable each other wait for one another.
    db.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LAST_ADMIN})
    others = select(func.count()).where(Staff.role == "admin", Staff.active, Staff.id != besides)
    if not db.session.scalar(others):
        raise LastAdmin()


def _exists(query: str, value: object) -> bool:
    return bool(db.session.scalar(text(f"SELECT EXISTS ({query})"), {"value": value}))

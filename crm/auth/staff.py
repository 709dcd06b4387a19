"""Staff accounts: made, changed, disabled; and the check of a password."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from crm import audit
from crm.auth import passwords, sessions, throttle
from crm.auth.errors import EmailTaken, StaffNotFound, WrongCredentials, WrongPassword
from crm.auth.grants import require_held
from crm.auth.models import Staff
from crm.auth.staff_checks import (
    is_email,
    normal,
    require_an_admin,
    require_existing,
    require_length,
    require_no_email,
)
from crm.db import db
from crm.errors import Invalid
from crm.http.permissions import ROLES
from crm.http.principal import Principal

KEPT_IN_AUDIT = ("email", "name", "role", "store", "locale", "member_id", "active")


def create(body: dict[str, Any], *, by: Principal, now: datetime) -> tuple[Staff, str | None]:
    """A new account from `email`, `name`, `role` and optional `store`, `locale`, `member_id`,
    `password`; with the password that was generated where none was given.

    Raises `EmailTaken`, `StaffStoreUnknown`, `StaffMemberUnknown`, `ScopeNotHeld`, `Invalid`.
    """
    require_held(by, ROLES[body["role"]])
    require_existing(body)
    email = normal(body["email"])
    generated = None if body.get("password") else passwords.generated()
    password = generated or body["password"]
    require_no_email(password, email)
    staff = Staff(
        email=email,
        name=body["name"],
        password_hash=passwords.hashed(password),
        role=body["role"],
        store=body.get("store"),
        locale=body.get("locale") or "en",
        member_id=body.get("member_id"),
        active=True,
        created_at=now,
        password_changed_at=now,
    )
    _write(staff)
    audit.record("staff.create", "staff", staff.id, now=now, after=_facts(staff))
    return staff, generated


def update(staff_id: UUID, changes: dict[str, Any], *, by: Principal, now: datetime) -> Staff:
    """Change an account. A new password and `active: false` end its sessions.

    Raises `StaffNotFound`, `LastAdmin`, and what `create` raises. `ScopeNotHeld` also protects
    accounts that hold more than `by`: who sets a password can sign in with it.
    """
    staff = _locked(staff_id)
    role = changes.get("role", staff.role)
    require_held(by, ROLES[staff.role] | ROLES[role])
    require_existing(changes)
    stays_admin = role == "admin" and changes.get("active", True)
    if staff.active and staff.role == "admin" and not stays_admin:
        require_an_admin(besides=staff.id)
    before = _facts(staff)
    _apply(staff, changes, now)
    _write(staff)
    if "password" in changes or not staff.active:
        sessions.end_all(staff.id, now)
    after = _facts(staff)
    changed = [name for name in after if after[name] != before[name]]
    told = {"password": "changed"} if "password" in changes else {}
    if changed or told:
        audit.record(
            "staff.update",
            "staff",
            staff.id,
            now=now,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed} | told,
        )
    return staff


def change_own_password(
    by: Principal, present: str, new: str, *, address: str, now: datetime
) -> Staff:
    """A new password for who knows the one until now; it ends all his sessions.

    Raises `WrongPassword`, `TooManyTries` (tries are counted as those to sign in are), and
    `Invalid` for one that is too short, too long or the e-mail address.
    """
    assert by.id is not None, "people have accounts"
    account = get(by.id)
    throttle.begin(account.email, address, now)
    if not passwords.matches(present, account.password_hash):
        raise WrongPassword(pointer="/present")
    throttle.forgive(account.email)
    require_length(new, "/new")
    try:
        return update(account.id, {"password": new}, by=by, now=now)
    except Invalid as invalid:
        raise Invalid([replace(one, pointer="/new") for one in invalid.errors]) from invalid


def reset_password(email: str, *, by: Principal, now: datetime) -> str:
    """A generated password for a known account, which ends its sessions.

    Raises `StaffNotFound`.
    """
    staff = _by_email(normal(email))
    if staff is None:
        raise StaffNotFound()
    password = passwords.generated()
    update(staff.id, {"password": password}, by=by, now=now)
    return password


def sign_in(email: str, password: str, address: str, now: datetime) -> Staff:
    """The active account with this e-mail address and password; `address` is the caller's IP.

    Raises `WrongCredentials`, `TooManyTries`. The try is counted even if the caller's transaction
    is rolled back.
    """
    account = normal(email)
    throttle.begin(account, address, now)
    staff = _by_email(account)
    right = passwords.matches(password, staff.password_hash if staff else None)
    if staff is None or not right or not staff.active:
        raise WrongCredentials()
    throttle.forgive(account)
    if passwords.is_dated(staff.password_hash):
        staff.password_hash = passwords.hashed(password)
    staff.last_login_at = now
    return staff


def get(staff_id: UUID) -> Staff:
    """An account. Raises `StaffNotFound`."""
    staff = db.session.get(Staff, staff_id)
    if staff is None:
        raise StaffNotFound()
    return staff


def listed(limit: int, before: UUID | None) -> Sequence[Staff]:
    """Accounts, newest first, after the one with the id `before`; one more than `limit`."""
    query = select(Staff).order_by(Staff.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(Staff.id < before)
    return db.session.scalars(query).all()


def _apply(staff: Staff, changes: dict[str, Any], now: datetime) -> None:
    for name in KEPT_IN_AUDIT:
        if name in changes:
            setattr(staff, name, changes[name])
    staff.email = normal(staff.email)
    if "password" in changes:
        require_no_email(changes["password"], staff.email)
        staff.password_hash = passwords.hashed(changes["password"])
        staff.password_changed_at = now


FOLLOW = text("""
    UPDATE staff SET member_id = :into
    WHERE member_id = :gone AND (:all OR id = ANY (CAST(:only AS uuid[]))) RETURNING id
""")


def follow(gone: UUID, into: UUID, *, only: Sequence[UUID] | None = None) -> list[UUID]:
    """Let accounts whose own member record is `gone` point to `into`: all, or `only` these.

    Nobody acts on his own record, and a merge of records is no way around it. Returns which.
    """
    values = {"gone": gone, "into": into, "all": only is None, "only": list(only or ())}
    return list(db.session.scalars(FOLLOW, values))


def _write(staff: Staff) -> None:
    try:
        with db.session.begin_nested():
            db.session.add(staff)
    except IntegrityError as error:
        if "uq_staff_email" in str(error.orig):
            raise EmailTaken(pointer="/email") from error
        raise


def _locked(staff_id: UUID) -> Staff:
    staff = db.session.get(Staff, staff_id, with_for_update=True, populate_existing=True)
    if staff is None:
        raise StaffNotFound()
    return staff


def _by_email(email: str) -> Staff | None:
    if not is_email(email):
        return None
    return db.session.scalar(select(Staff).where(Staff.email == email))


def _facts(staff: Staff) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value := getattr(staff, name), UUID) else value
        for name in KEPT_IN_AUDIT
    }

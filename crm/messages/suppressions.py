"""Addresses that must not be written to any more: they bounced for good, or complained."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from sqlalchemy import text

from crm.db import as_rows, config, db
from crm.ids import digest_id
from crm.members import contacts

Scope = Literal["all", "marketing"]

ADD = text("""
    INSERT INTO suppression (channel, address_key, scope, reason, hint, at)
    SELECT :channel, r.key, :scope, :reason, r.hint, :now
    FROM json_to_recordset(CAST(:rows AS json)) AS r (key uuid, hint text)
    ORDER BY r.key
    ON CONFLICT (channel, address_key) DO UPDATE
    SET scope = CASE WHEN suppression.scope = 'all' THEN 'all' ELSE excluded.scope END,
        reason = excluded.reason, at = excluded.at
    WHERE suppression.scope <> excluded.scope AND suppression.scope <> 'all'
""")
LIFT = text("DELETE FROM suppression WHERE channel = :channel AND address_key = :key")
FIND = text("SELECT scope FROM suppression WHERE channel = :channel AND address_key = :key")


def address_key(channel: str, address: str) -> str:
    """The narrow key of an address, as `message_address_key` in the database makes it."""
    return digest_id(channel, address)


def add(
    channel: str, addresses: Iterable[str], *, scope: Scope, reason: str, now: datetime
) -> None:
    """Write to these addresses no more: nothing at all, or no marketing. The wider scope stays."""
    rows = {one: masked(channel, one) for one in addresses}
    if rows:
        given = [{"key": address_key(channel, one), "hint": hint} for one, hint in rows.items()]
        values = {"channel": channel, "scope": scope, "reason": reason, "now": now}
        db.session.execute(ADD, values | {"rows": as_rows(given)})


def lift(channel: str, address: str) -> bool:
    """Let an address be written to again, such as when its owner had it repaired."""
    values = {"channel": channel, "key": address_key(channel, address)}
    return bool(db.session.execute(LIFT, values).rowcount)  # type: ignore[attr-defined]


def scope_of(channel: str, address: str) -> str | None:
    """What an address must not get: `all`, `marketing`, or None."""
    values = {"channel": channel, "key": address_key(channel, address)}
    return db.session.execute(FIND, values).scalar()


def masked(channel: str, address: str) -> str:
    """An address in part, as people see it."""
    if channel == "email":
        return contacts.masked_email(address)
    if channel == "sms":
        return contacts.masked_phone(address, config().phone_region)
    return address

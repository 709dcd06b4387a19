"""Guessing passwords is slow: failures are counted in PostgreSQL, by account and by address."""

from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network

from sqlalchemy import delete

from crm.auth.models import LoginAttempt
from crm.db import call, db
from crm.errors import NN_, TooMany
from crm.ids import uuid7

WINDOW = timedelta(minutes=15)
ACCOUNT_MOST = 10
ADDRESS_MOST = 50


class TooManyTries(TooMany):
    """This account or this address has had its share of failures (429)."""

    code = "too_many_tries"
    detail = NN_(
        "Too many failed tries. Try again in {retry_after} second.",
        "Too many failed tries. Try again in {retry_after} seconds.",
        "retry_after",
    )


def begin(account: str, address: str, now: datetime) -> None:
    """Count a try before the password is looked at. Raises `TooManyTries`.

    Counted in a transaction of its own, so that the refusal that follows does not undo it.
    """
    wait = call(
        "SELECT login_attempt_begin(%s, %s, %s, %s, %s, %s, %s)",
        (uuid7(), _hidden(account), _network(address), now, WINDOW, ACCOUNT_MOST, ADDRESS_MOST),
    )
    if wait and wait[0]:
        raise TooManyTries(retry_after=wait[0])


def forgive(account: str) -> None:
    """Forget the failures of an account that has just been signed in to."""
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.account == _hidden(account)))


def purge(before: datetime) -> None:
    """Forget tries that no longer count."""
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.at < before))


def _hidden(account: str) -> str:
    # People type passwords into the wrong box; what they typed is not kept.
    return sha256(account.encode("utf-8", "replace")).hexdigest()


def _network(address: str) -> str:
    """An IPv4 address, or the /64 that one IPv6 subscriber has to himself."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    return str(ip_network((found, 64), strict=False)) if found.version == 6 else str(found)

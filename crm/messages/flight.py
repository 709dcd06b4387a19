"""What is on the wire, written ahead: which messages of a batch were begun, which were taken.

A provider that knows no references can't be asked what became of a message, so a worker says in the
database before it begins one. If it dies, only those that were begun and not known to be taken are
in doubt; the others of its batch go on (`crm.messages.recovery`). The same statement asks whether
somebody opted out since he was judged.

Places are written for many messages at once, in a thread of their own, while others are on the
wire: a commit for each would cost more than the message.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from crm import hot
from crm.db import as_array, call_rows, db
from crm.ids import uuid7
from crm.messages.channels.provider import Outgoing
from crm.messages.states import CONSENT

OPEN = text("""
    INSERT INTO message_flight (id, ids, fences, begun, taken, opened_at)
    VALUES (:id, CAST(:ids AS uuid[]), CAST(:fences AS integer[]), '', '', clock_timestamp())
""")
CLOSE = text("DELETE FROM message_flight WHERE id = :id")
AHEAD = """
    UPDATE message_flight SET begun = %s, taken = %s WHERE id = %s AND NOT given_up
    RETURNING ARRAY(
        SELECT g.place
        FROM unnest(%s::integer[], %s::uuid[], %s::text[]) AS g (place, member_id, purpose)
        WHERE EXISTS (
            SELECT FROM member_consent c
            WHERE c.member_id = g.member_id AND c.channel = ANY(%s::text[])
              AND c.purpose = g.purpose AND NOT c.granted AND c.superseded_at IS NULL))
"""

Write = Callable[[Sequence[Any]], list[tuple[Any, ...]]]


class Grounded(Exception):
    """Others have decided about this batch: its worker was thought dead. Begin nothing more."""


class Flight:
    """One batch in the hands of a worker. Safe to use from several threads."""

    def __init__(self, channel: str, batch: Sequence[Outgoing]) -> None:
        self.id = uuid7()
        self.batch, self.consents = batch, list(CONSENT[channel])
        self.begun = self.taken = 0  # a bit for each place
        self.lock = Lock()
        self.write, self.submit = _writer()

    def open(self) -> None:
        """Write it down, in the transaction that claims the batch."""
        values = {
            "id": self.id,
            "ids": as_array([one.id for one in self.batch]),
            "fences": as_array([one.fence for one in self.batch]),
        }
        db.session.execute(OPEN, values)

    def close(self) -> None:
        """Forget it, in the transaction that records what came of the batch."""
        db.session.execute(CLOSE, {"id": self.id})

    def begin(self, places: Iterable[int]) -> Future[frozenset[int]]:
        """Say that these will be begun. Once that is durable, the future tells which of them must
        not be after all, because the member opted out. It raises `Grounded`, or what the database
        says when it is away; then none of them may be begun."""
        return self.submit(self._begin, list(places))

    def took(self, place: int) -> None:
        """The provider took it; written with the next that begin."""
        with self.lock:
            self.taken |= 1 << place

    def _begin(self, places: list[int]) -> frozenset[int]:
        asked = [place for place in places if self.batch[place].by_consent]
        members = [self.batch[place].member_id for place in asked]
        with self.lock:
            for place in places:
                self.begun |= 1 << place
            begun, taken = _bits(self.begun), _bits(self.taken)
        found = self.write(
            (
                begun,
                taken,
                self.id,
                as_array(asked),
                as_array(members),
                [self.batch[place].purpose for place in asked],
                self.consents,
            )
        )
        if not found:
            raise Grounded
        return frozenset(found[0][0])


def _bits(number: int) -> bytes:
    """As `get_bit` of PostgreSQL counts them."""
    return number.to_bytes((number.bit_length() + 7) // 8, "little")


def is_set(bits: bytes, place: int) -> bool:
    """Whether the bit of a place is set."""
    return place // 8 < len(bits) and bool(bits[place // 8] >> place % 8 & 1)


def stages(ids: Sequence[UUID], fences: Sequence[int], begun: bytes, taken: bytes) -> dict[
    tuple[UUID, int], str
]:  # fmt: skip
    """How far each message of a flight came: `waiting`, `begun` or `taken`, by id and fence."""
    found = {}
    for place, key in enumerate(zip(ids, fences, strict=True)):
        if is_set(taken, place):
            found[key] = "taken"
        else:
            found[key] = "begun" if is_set(begun, place) else "waiting"
    return found


@cache
def _thread() -> ThreadPoolExecutor:
    """It has a connection of its own, for as long as the process lasts."""
    return ThreadPoolExecutor(1, "flight")


def _writer() -> tuple[Write, Callable[..., Future[Any]]]:
    engine = db.engines[None]
    if isinstance(engine, Connection):  # inside an outer transaction: nothing runs beside it
        return lambda params: call_rows(AHEAD, params), _at_once
    autocommit = db.engines["autocommit"]
    return lambda params: hot.rows(autocommit, AHEAD, params), _thread().submit


def _at_once(function: Callable[..., Any], *args: Any) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(function(*args))
    except Exception as error:  # as a thread would keep it for whoever asks
        future.set_exception(error)
    return future

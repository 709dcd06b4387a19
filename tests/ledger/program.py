"""The program as a history asks it: its API, in this process or a server's, and its jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from crm.points.jobs import end_holds, expire, release

SWEEPS: dict[str, Callable[[datetime], int]] = {
    "expire": expire, "release": release, "holds": end_holds,
}  # fmt: skip


class Answer(Protocol):
    """What came back."""

    @property
    def status_code(self) -> int: ...

    @property
    def data(self) -> bytes: ...

    @property
    def headers(self) -> Any: ...

    def get_json(self) -> Any: ...


class Api(Protocol):
    """Sends JSON to /api/v1 + path."""

    def __call__(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Answer: ...


class Differs(AssertionError):
    """The program and the obvious ledger do not say the same."""


def same(what: str, told: Any, expected: Any) -> None:
    """Raises `Differs`."""
    if told != expected:
        raise Differs(f"{what}: told {told}, expected {expected}")


def expect(answer: Answer, *statuses: int) -> Any:
    """The body of an answer of one of these statuses."""
    if answer.status_code not in statuses:
        raise Differs(f"answered {answer.status_code}, not {statuses}: {answer.data!r}")
    return answer.get_json()


@dataclass
class Sent:
    """A request of which the answer must be the same for as long as its key is kept."""

    path: str
    body: Any
    key: str
    answer: Answer
    at: datetime


def stamp(at: datetime) -> str:
    """As the contract writes times."""
    return at.isoformat().replace("+00:00", "Z")


def instants(items: list[dict[str, Any]], name: str) -> dict[datetime, int]:
    """Points by instant."""
    return {datetime.fromisoformat(item[name]): item["points"] for item in items}

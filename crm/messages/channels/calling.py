"""Channels over HTTP: many calls at once, each answered for, within the time there is.

What could not be reached was surely not sent; what broke after the request was under way may have
been. Codes of gateways are theirs; ours say what happened to the call.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from crm.messages.channels.provider import (
    Accepted,
    Ambiguous,
    Journal,
    Outcome,
    Outgoing,
    TryLater,
    Withdrawn,
)
from crm.outgoing import Blocked, read_at_most

logger = logging.getLogger(__name__)
AT_ONCE = 16  # calls of one worker that wait for their answers at the same time
LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request ready to be sent: everything signed."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the JSON of the body (None if it is none), and how long to wait
    if it said so."""

    status: int
    body: Any
    wait_seconds: float | None = None

    @property
    def is_for_later(self) -> bool:
        """Whether the gateway is busy or broken rather than of another opinion."""
        return self.status in (408, 425, 429) or self.status >= 500


class Caller:
    """Sends the calls of one provider. Its threads and connections last as long as the process."""

    def __init__(self, client: httpx.Client, at_once: int = AT_ONCE) -> None:
        self.client = client
        self.at_once = at_once

    def send(
        self,
        batch: Sequence[Outgoing],
        one: Callable[[Outgoing], Outcome],
        *,
        seconds: float,
        journal: Journal | None = None,
    ) -> list[Outcome]:
        """`one` for each of the batch, many at once; what was not begun in time comes later.

        With a journal each is written there first, and not begun where that can't be done.
        """
        until = time.monotonic() + seconds

        def in_time(place: int) -> Outcome:
            if time.monotonic() >= until:
                return TryLater("no_time", counts=False)
            if journal is None:
                return one(batch[place])
            try:
                if place in journal.begin([place]).result():
                    return Withdrawn()
            except Exception as error:  # whatever it is, this one was not begun
                logger.warning("not begun, for it can't be written down: %s", error)
                return TryLater("not_written_down", counts=False)
            outcome = one(batch[place])
            if isinstance(outcome, Accepted):
                journal.took(place)
            return outcome

        if len(batch) == 1:
            return [in_time(0)]
        with ThreadPoolExecutor(min(self.at_once, len(batch))) as pool:
            return list(pool.map(in_time, range(len(batch))))

    def call(self, request: Call, read: Callable[[Answer], Outcome]) -> Outcome:
        """Send one request and read its answer; never raises for what the world does."""
        try:
            answer = self._answer(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return TryLater(type(error).__name__, counts=False)
        except httpx.InvalidURL:
            return TryLater("invalid_address", counts=False)
        except Blocked as blocked:
            logger.error("the address of a gateway may not be called: %s", blocked)
            return TryLater("blocked_address", counts=False)
        except (httpx.HTTPError, httpx.StreamError) as error:
            return Ambiguous(type(error).__name__)
        return read(answer)

    def _answer(self, request: Call) -> Answer:
        with self.client.stream(
            request.method, request.url, headers=request.headers, content=request.body
        ) as response:
            raw = read_at_most(response)
            return Answer(response.status_code, _json(raw), _wait(response.headers))


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _wait(headers: httpx.Headers) -> float | None:
    text = headers.get("Retry-After", "")
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdigit() else None


def later(answer: Answer, code: str | None = None) -> TryLater:
    """The gateway is busy or broken: come again."""
    return TryLater(code or f"http_{answer.status}", after_seconds=answer.wait_seconds)

"""One history told twice: to the program over its API, and to the obvious ledger.

Steps (`steps_*.py`) say what must come of them; after each, what readers are told is compared.
"""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from clocks import set_to
from obvious_ledger import ObviousLedger
from obvious_lots import Hold, Merge, Spend
from obvious_orders import Order
from people import make
from program import Answer, Api, Sent, expect, instants, same, stamp

from crm.db import db
from crm.orders import checking
from crm.points import check

START = datetime(2026, 1, 30, 10, 0, tzinfo=UTC)
ZONES = {"ann": "Asia/Shanghai", "ben": "America/New_York", "cleo": "Pacific/Kiritimati"}
FIGURES = ("available", "pending", "held", "debt", "lifetime_earned")
order_numbers = count(1)


class Told:
    """Members by name, orders, holds, spends and merges by their place in the history."""

    def __init__(self, api: Api, zones: dict[str, str] | None = None) -> None:
        self.api = api
        self.now = START
        set_to(self.now)
        zones = zones or ZONES
        joined = START - timedelta(days=1)
        self.ids = {name: make(joined=joined, zone=zone) for name, zone in zones.items()}
        self.ledger = ObviousLedger(self.now, zones)
        self.orders: list[tuple[str, Order]] = []
        self.holds: list[tuple[str, Hold]] = []
        self.spends: list[tuple[str, Spend]] = []
        self.merges: list[tuple[str, Merge]] = []
        self.golden: set[str] = set()
        self.sent: list[Sent] = []
        self.seen: dict[datetime, dict[str, list[int]]] = {}

    def move_to(self, at: datetime) -> None:
        """Time moves; no job runs on the way."""
        self.now = at
        set_to(at)
        self.ledger.move_to(at)

    # --- requests

    def who(self, name: str) -> dict[str, Any]:
        return {"member": {"id": str(self.ids[name])}}

    def ask(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Answer:
        answer = self.api(method, path, body, **kwargs)
        db.session.commit()  # in this process, what a reader began ends as a request's would
        return answer

    def post(self, path: str, body: Any = None) -> Answer:
        key = uuid4().hex
        answer = self.ask("POST", path, body, idem=key)
        self.sent.append(Sent(path, body, key, answer, self.now))
        return answer

    def put(self, path: str, body: Any, *statuses: int) -> Any:
        answer = self.ask("PUT", path, body)
        return expect(answer, *(statuses or (200,)))

    def refused(self, answer: Answer, name: str, points: int) -> None:
        """The refusal for want of points, with its figures."""
        problem, available = expect(answer, 422), self.ledger.figures(name)[0]
        figures = [problem.get(key) for key in ("code", "required", "available", "missing")]
        same("refusal", figures, ["insufficient_points", points, available, points - available])

    # --- what readers are told

    def told(self, name: str, at: datetime | None = None) -> dict[str, Any]:
        query = f"?as_of={stamp(at)}" if at else ""
        return expect(self.ask("GET", f"/members/{self.ids[name]}/points{query}"), 200)

    def compare(self, *names: str) -> None:
        """What these members are told (all of them without a name)."""
        seen = self.seen.setdefault(self.now, {})
        touched = {*names, *map(self.ledger.live, names)} if names else self.ids
        for name in sorted(touched):
            if name in self.ledger.merged:
                seen.pop(name, None)
                path = f"/members/{self.ids[name]}/points"
                same("a merged record", self.ask("GET", path).status_code, 404)
                continue
            found = self.told(name)
            figures = [found[key] for key in FIGURES]
            same(f"{name} ({', '.join(FIGURES)})", figures, self.ledger.figures(name))
            lists = (
                instants(found["expiring"], "expires_at"),
                instants(found["pending_release"], "available_at"),
            )
            same(f"{name}'s lots", lists, (self.ledger.expiring(name), self.ledger.releases(name)))
            seen[name] = figures

    def finish(self) -> None:
        """The future and the past are as they must be, and the ledger checks itself."""
        for days in (0.01, 1, 16, 400):
            at = self.now + timedelta(days=days)
            later = self.ledger.foretold(at)
            for name in self.ids.keys() - self.ledger.merged.keys():
                told = self.told(name, at)
                figures = [told[key] for key in FIGURES]
                same(f"{name} in {days} days", figures, later.figures(name))
        for at, figures in self.seen.items():
            for name in figures.keys() - self.ledger.merged.keys():
                expected = figures[name]
                told = self.told(name, at)
                same(f"{name} at {at}", [told[key] for key in FIGURES], expected)
        breaches = [b for member_id in self.ids.values() for b in check.run(member_id)]
        same("breaches", breaches, [])
        same("aggregates", checking.look(None).wrong, [])
        db.session.rollback()

"""The world of a test: what happens at a stop is told to the program over HTTP, and noted down."""

import random
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from api_client import Api
from flask.testing import FlaskClient
from lives import Answered, Bought, Complained, Life
from order_bodies import stamp

ZONES = [
    "Pacific/Pago_Pago", "Pacific/Kiritimati", "Asia/Shanghai", "Asia/Kathmandu",
    "America/New_York", "Australia/Lord_Howe",
]  # fmt: skip
AMOUNTS = (5_000, 9_900, 20_000, 60_000, 120_000)
NUMBER = re.compile(r"order (Y\d+)\?")
LINK = re.compile(r"/s/[A-Za-z0-9_-]+")
GIVES_BACK_WITHIN = timedelta(days=20)


class World:
    """Everybody, and what can happen to them."""

    def __init__(
        self, admin: Api, browser: FlaskClient, dice: random.Random, zones: Sequence[str] = ZONES
    ) -> None:
        self.admin, self.browser, self.dice, self.zones = admin, browser, dice, zones
        self.everybody: list[Life] = []
        self.links: dict[str, str] = {}  # the survey of each order, once its message is seen
        self.cases: list[tuple[str, Complained | Answered]] = []
        self.numbers = 0
        self.seen: set[str] = set()  # mails

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request that must go well; its answer."""
        answer = self.admin(method, path, body)
        assert answer.status_code < 300, (method, path, answer.data)
        return answer.get_json()

    def open_shop(
        self,
        expiry: Mapping[str, Any],
        ladder: Sequence[tuple[str, int]],
        terms: Mapping[str, Any],
        journeys: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """A programme whose points last so, a ladder of (code, spend) above the lowest tier with
        such terms, no caps on messages, and these journeys with their settings."""
        programme = {"pending": {"policy": "immediately"}, "expiry": expiry}
        self.ask("PUT", "/points/programme", programme)
        rungs = [
            {"code": code, "name": {"en": code.title()}, "multiplier": "1", "benefits": {},
             "qualify": {"any": [{"metric": "spend", "at_least": least}] if least else []}}
            for code, least in (("new", 0), *ladder)
        ]  # fmt: skip
        self.ask("PUT", "/tiers", {"tiers": rungs, "refund_fallback": False, **terms})
        self.ask("PUT", "/message-policy", {"caps": {"per_day": None, "per_week": None}})
        for code, settings in journeys.items():
            self.ask("PATCH", f"/journeys/{code}", {"enabled": True, "settings": settings})

    def live(self, now: datetime, many: int) -> None:
        """So many things happen, all at this instant, at most one to each member."""
        self.read_mail()
        acts = (self.buy,) * 4 + (self.deliver,) * 3 + (self.answer,) * 2 + (
            self.refund, self.complain, self.close, self.opt)  # fmt: skip
        for one in self.dice.sample(self.everybody, min(many, len(self.everybody))):
            self.dice.choice(acts)(one, now)

    def join(self, now: datetime) -> None:
        """Somebody new registers."""
        self.numbers += 1
        agrees, zone = self.dice.random() < 0.7, self.dice.choice(self.zones)
        consent = {"channel": "email", "purpose": "marketing", "granted": agrees}
        body = {"email": f"y{self.numbers}@example.test", "timezone": zone, "locale": "en"}
        said = consent | {"wording": "1", "source": "web"}
        found = self.ask("POST", "/members", body | {"consents": [said]})
        self.everybody.append(Life(UUID(found["id"]), zone, now, [(now, agrees)]))

    def buy(self, one: Life, now: datetime) -> None:
        self.numbers += 1
        number, amount = f"Y{self.numbers}", self.dice.choice(AMOUNTS)
        order = Bought(UUID(int=0), number, amount, now)
        order.id = UUID(self._tell(one, order, now)["id"])
        one.orders.append(order)

    def deliver(self, one: Life, now: datetime) -> None:
        for order in one.orders:
            if order.delivered_at is None and order.paid_at < now:
                order.delivered_at = now
                self._tell(one, order, now)
                return

    def _tell(self, one: Life, order: Bought, now: datetime) -> Any:
        line = {"line_no": 1, "sku": "T", "name": "Tea", "quantity": 1, "unit_price": order.amount}
        body = {
            "member": {"id": str(one.id)}, "currency": "CNY", "lines": [line],
            "status": "delivered" if order.delivered_at else "paid",
            "placed_at": stamp(order.paid_at), "paid_at": stamp(order.paid_at),
            "updated_at": stamp(now),
        }  # fmt: skip
        if order.delivered_at:
            body["delivered_at"] = stamp(order.delivered_at)
        return self.ask("PUT", f"/orders/web/{order.number}", body)

    def refund(self, one: Life, now: datetime) -> None:
        for order in one.orders:
            fresh = order.paid_at < now < order.paid_at + GIVES_BACK_WITHIN
            if order.refunded_at is None and fresh:
                order.refunded_at = now
                body = {"refunded_at": stamp(now), "amount": order.amount}
                self.ask("PUT", f"/orders/web/{order.number}/refunds/R", body)
                return

    def opt(self, one: Life, now: datetime) -> None:
        agrees = not one.agreed[-1][1]
        body = {"granted": agrees, "wording": "1", "source": "web"}
        self.ask("PUT", f"/members/{one.id}/consents/email/marketing", body)
        one.agreed.append((now, agrees))

    def complain(self, one: Life, now: datetime) -> None:
        body = {"member": {"id": str(one.id)}, "kind": "other", "subject": "Late"}
        complaint = Complained(now)
        self.cases.append((self.ask("POST", "/cases", body)["id"], complaint))
        one.complaints.append(complaint)

    def close(self, one: Life, now: datetime) -> None:
        """Some case or other is closed, whoever's it is."""
        left = [item for item in self.cases if item[1].closed_at is None and item[1].at < now]
        if left:
            case_id, about = self.dice.choice(left)
            about.closed_at = now
            self.ask("PATCH", f"/cases/{case_id}", {"state": "closed", "reason": "resolved"})

    def answer(self, one: Life, now: datetime) -> None:
        """He answers a survey that he was sent, maybe for the second time, maybe too late."""
        sent = [order for order in one.orders if order.number in self.links]
        if not sent:
            return
        order, rating = self.dice.choice(sent), self.dice.randint(1, 5)
        before = self.ask("GET", f"/cases?member={one.id}&source=survey")["data"]
        page = self.browser.post(self.links[order.number], data={"rating": str(rating)})
        assert page.status_code in (200, 410)
        answer = Answered(order, now, rating)
        one.answers.append(answer)
        after = self.ask("GET", f"/cases?member={one.id}&source=survey")["data"]
        self.cases += [(case["id"], answer) for case in after[: len(after) - len(before)]]

    def read_mail(self) -> None:
        """The links to surveys in the mails that came since it was last looked."""
        cursor, known = "", False
        while not known:
            page = self.ask("GET", f"/sandbox/messages?limit=200{cursor}")
            for mail in page["data"]:
                known = known or mail["id"] in self.seen
                self.seen.add(mail["id"])
                number, link = NUMBER.search(mail["subject"] or ""), LINK.search(mail["text"] or "")
                if number and link:
                    self.links[number[1]] = link[0]
            cursor = f"&cursor={page['next_cursor']}"
            known = known or page["next_cursor"] is None

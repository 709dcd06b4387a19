"""A history of all steps, time among them."""

import json
from datetime import timedelta

from program import SWEEPS, expect, same, stamp
from steps_members import MemberSteps
from steps_orders import OrderSteps
from steps_points import PointSteps

KEYS_LAST = timedelta(hours=71)


class History(PointSteps, OrderSteps, MemberSteps):
    """What can happen, step by step."""

    def let_pass(self, days: float, *, with_jobs: bool = False) -> None:
        """Time moves; the jobs that fall due run on the way, or are late."""
        at = self.now + timedelta(days=days)
        if with_jobs:
            expect(self.ask("POST", "/sandbox/clock", {"now": stamp(at)}), 200)
        self.move_to(at)
        self.compare()

    def sweep(self, name: str) -> None:
        """A job that tidies up: readers do not notice."""
        SWEEPS[name](self.now)
        self.compare()

    def repeat(self, place: int) -> None:
        """An old request again, with its old key: the same answer to the byte, and no effect."""
        earlier = self.sent[place]
        if self.now - earlier.at > KEYS_LAST:
            return
        answer = self.ask("POST", earlier.path, earlier.body, idem=earlier.key)
        same("status of a repetition", answer.status_code, earlier.answer.status_code)
        same("bytes of a repetition", answer.data, earlier.answer.data)
        same("its header", answer.headers.get("Idempotent-Replayed"), "true")
        self.compare()

    def reuse(self, place: int) -> None:
        """An old key with another request is refused, and nothing happens."""
        earlier = self.sent[place]
        if self.now - earlier.at > KEYS_LAST:
            return
        body = {**json.loads(json.dumps(earlier.body or {})), "points": 7}
        if body == earlier.body:
            body["points"] = 8
        answer = self.ask("POST", earlier.path, body, idem=earlier.key)
        same("refusal", expect(answer, 422)["code"], "idempotency_key_reused")
        self.compare()

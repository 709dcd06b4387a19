"""Steps that give and spend points."""

from datetime import timedelta
from uuid import uuid4

from program import expect, same, stamp
from told_twice import Told


class PointSteps(Told):
    """Awards, adjustments, redemptions, reversals, holds."""

    def award(self, name: str, points: int, days: float | None = None) -> None:
        until = None if days is None else self.now + timedelta(days=days)
        body = {"activity": "custom", "source_key": uuid4().hex, "points": points}
        if until:
            body["expires_at"] = stamp(until)
        expect(self.post("/points/awards", self.who(name) | body), 201)
        self.ledger.award(name, points, until)
        self.compare(name)

    def award_again(self, name: str, points: int) -> None:
        """One source, sent with keys of its own: one award."""
        body = {"activity": "review", "source_key": uuid4().hex, "points": points}
        first = expect(self.post("/points/awards", self.who(name) | body), 201)
        again = expect(self.post("/points/awards", self.who(name) | body), 200)
        same("the second award of a source", again["id"], first["id"])
        self.ledger.award(name, points, None)
        self.compare(name)

    def adjust(self, name: str, points: int) -> None:
        body = {"points": points, "reason_code": "goodwill", "note": "told twice"}
        answer = self.post("/points/adjustments", self.who(name) | body)
        if self.ledger.adjust(name, points):
            expect(answer, 201)
        else:
            self.refused(answer, name, -points)
        self.compare(name)

    def redeem(self, name: str, points: int) -> None:
        body = self.who(name) | {"points": points, "reference": "till"}
        answer = self.post("/points/redemptions", body)
        spend = self.ledger.redeem(name, points)
        if spend is None:
            self.refused(answer, name, points)
        else:
            self.spends.append((expect(answer, 201)["id"], spend))
        self.compare(name)

    def hold(self, name: str, points: int, seconds: int) -> None:
        body = self.who(name) | {"points": points, "reference": "cart", "ttl_seconds": seconds}
        answer = self.post("/points/holds", body)
        hold = self.ledger.hold(name, points, self.now + timedelta(seconds=seconds))
        if hold is None:
            self.refused(answer, name, points)
        else:
            self.holds.append((expect(answer, 201)["id"], hold))
        self.compare(name)

    def capture(self, place: int, points: int | None) -> None:
        hold_id, hold = self.holds[place]
        answer = self.post(f"/points/holds/{hold_id}/capture", points and {"points": points})
        if hold.state != "held":
            codes = ("hold_expired", "hold_captured", "hold_void")
            same("a second end", expect(answer, 409, 422)["code"] in codes, True)
        elif points is not None and points > hold.points:
            same("refusal", expect(answer, 422)["code"], "capture_exceeds_hold")
        else:
            spend = self.ledger.capture(hold, points or hold.points)
            self.spends.append((expect(answer, 200)["entry"]["id"], spend))
        self.compare(hold.owner)

    def void(self, place: int) -> None:
        hold_id, hold = self.holds[place]
        answer = self.post(f"/points/holds/{hold_id}/void")
        expect(answer, 409 if hold.state == "captured" else 200)
        self.ledger.void(hold)
        self.compare(hold.owner)

    def reverse(self, place: int, points: int | None) -> None:
        entry_id, spend = self.spends[place]
        path = f"/points/redemptions/{entry_id}/reverse"
        answer, left = self.post(path, points and {"points": points}), spend.points
        if not left or (points or 0) > left:
            code = "restore_exceeds_spent" if left else "redemption_reversed"
            same("refusal", expect(answer, 409, 422)["code"], code)
        else:
            same("given back", expect(answer, 201)["points"], points or left)
            self.ledger.reverse(spend, points or left)
        self.compare(spend.owner)

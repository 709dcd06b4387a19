"""Steps between members: transfers, and two records of one person."""

from datetime import timedelta

from obvious_lots import Merge
from program import SWEEPS, expect
from told_twice import Told

UNDO = timedelta(days=30)


class MemberSteps(Told):
    """Transfers, merges, undos; tiers."""

    def transfer(self, giver: str, taker: str, points: int) -> None:
        ids = {"from": {"id": str(self.ids[giver])}, "to": {"id": str(self.ids[taker])}}
        body = ids | {"points": points, "reason": "told twice"}
        answer = self.post("/points/transfers", body)
        if self.ledger.live(giver) == self.ledger.live(taker):
            expect(answer, 422)
        elif self.ledger.transfer(giver, taker, points):
            expect(answer, 201)
        else:
            self.refused(answer, giver, points)
        self.compare(giver, taker)

    def standing(self) -> list[tuple[str, Merge]]:
        return [pair for pair in self.merges if not pair[1].undone]

    def merge(self, into: str, gone: str) -> None:
        """Debts that moved were to be paid by then: what is due is tidied up before."""
        self.tidy_up()
        merged, since = self.ledger.merged, self.now - UNDO
        chained = any(merge.into == gone and merge.at > since for _, merge in self.standing())
        body = {"from": {"id": str(self.ids[gone])}}
        answer = self.post(f"/members/{self.ids[into]}/merge", body)
        if into == gone or {into, gone} & set(merged) or chained:
            again = merged.get(gone) == into and into != gone
            expect(answer, *((200,) if again else (404, 409, 422)))
        else:
            golden = frozenset(self.golden)
            merge = self.ledger.merge(into, gone)
            merge.golden = golden
            self.golden |= {into} if gone in self.golden else set()
            self.merges.append((expect(answer, 201)["id"], merge))
        self.compare()

    def undo(self, place: int) -> None:
        self.tidy_up()
        merge_id, merge = self.merges[place]
        answer = self.post(f"/merges/{merge_id}/undo")
        newer = [one for _, one in self.standing() if one.into == merge.into]
        if merge.undone:
            expect(answer, 200)
        elif self.now >= merge.at + UNDO or merge is not newer[-1]:
            expect(answer, 409)
        else:
            expect(answer, 200)
            self.ledger.undo(merge)
            self.golden = {one for one in self.golden if one not in (merge.gone, merge.into)}
            self.golden |= {one for one in (merge.gone, merge.into) if one in merge.golden}
        self.compare()

    def tidy_up(self) -> None:
        for sweep in ("holds", "release", "expire"):
            SWEEPS[sweep](self.now)

    def promote(self, name: str, golden: bool) -> None:
        """Give or take the tier that earns half as much again; what was earned is not touched."""
        if any(name in (merge.gone, merge.into) for _, merge in self.standing()):
            return  # merges of tiers have tests of their own
        body = {"code": "gold" if golden else "new", "reason": "told twice"}
        self.put(f"/members/{self.ids[name]}/tier", body)
        (self.golden.add if golden else self.golden.discard)(name)
        self.compare(name)

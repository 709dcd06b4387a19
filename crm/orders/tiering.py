"""The tiers of the members of one piece of work: what they held, and where orders move them.

Decided in memory; standings are locked and written by the work they belong to.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from crm.coupons.benefits import taking_back
from crm.coupons.benefits.taking_back import Fall
from crm.members.profiles import MemberFacts
from crm.members.tiers import engine, writing
from crm.members.tiers import storage as tiers
from crm.members.tiers.ladder import Tier
from crm.members.tiers.refunds import on_refund
from crm.members.tiers.reviews import advance
from crm.members.tiers.standing import Change, Standing
from crm.orders.earnings import zone_of
from crm.orders.kept import Kept
from crm.orders.standing import activities, held_at


class Tiering:
    """Standings and activities of some members, and how they change."""

    def __init__(
        self, member_ids: Sequence[UUID], facts: Mapping[UUID, MemberFacts], now: datetime
    ) -> None:
        """Load and lock the standings."""
        self.now, self.facts = now, facts
        self.standings = tiers.standings(member_ids, lock=True)
        self.ladder = tiers.ladder_at(now)
        self.activities = activities(member_ids, points=self.ladder.counts("points_earned"))
        self.steps: dict[UUID, list[Change]] = {}
        self.moved: set[UUID] = set()

    def held_by(self, member_id: UUID, at: datetime) -> Tier:
        """The tier held at an instant: period ends due by then come first."""
        return self.ladder.tier(self._standing_at(member_id, at))

    def is_first(self, order: Kept) -> bool:
        """Whether the member has no other order that counts."""
        assert order.member_id is not None
        return not any(one != order.id for one in self.activities[order.member_id].orders)

    def count_points(self, member_id: UUID, at: datetime, points: int) -> None:
        """Let tiers by points see what an order in hand brings or loses."""
        self.activities[member_id].points.append((at, points))

    def judge(self, order: Kept, *, rose: bool) -> None:
        """Let the member's tier follow the order."""
        member_id = order.member_id
        assert member_id is not None
        activity = self.activities[member_id]
        if order.counted:
            activity.orders[order.id] = (order.paid_at or order.placed_at, order.net)
        else:
            activity.orders.pop(order.id, None)
        facts = self.facts[member_id]
        zone = zone_of(facts.zone)
        standing = self.standings[member_id]
        if rose:
            at = min(order.paid_at or order.placed_at, self.now)
            outcome = engine.on_order(
                standing, self.ladder, activity, at, order.id, zone, facts.created_at, now=self.now
            )
        else:
            outcome = on_refund(
                standing, self.ladder, activity, self._instant_of_loss(order), order.id,
                not order.counted, zone, facts.created_at,
            )  # fmt: skip
        self._keep(member_id, outcome)
        self.moved.add(member_id)

    def newest_purchase(self, member_id: UUID) -> datetime | None:
        """When the member's newest order that counts was paid."""
        return max((at for at, _ in self.activities[member_id].orders.values()), default=None)

    def save(self) -> None:
        """Write the standings that changed, in the caller's transaction."""
        writing.save_many(
            [(one, self.standings[one], changes) for one, changes in sorted(self.steps.items())],
            self.now,
        )
        taking_back.take_back(self._falls(), self.ladder, now=self.now)

    def _falls(self) -> Iterator[Fall]:
        """Where refunds took members: what the tiers that they lost have brought goes, too."""
        for member_id, changes in sorted(self.steps.items()):
            for one in changes:
                if one.cause == "refund" and one.from_tier is not None:
                    yield Fall(member_id, one.from_tier, one.to_tier, one.at)

    def _standing_at(self, member_id: UUID, at: datetime) -> str:
        standing = self.standings[member_id]
        at = min(at, self.now)
        if standing.due_at is not None and standing.due_at <= at:
            self._keep(
                member_id,
                advance(
                    standing, self.ladder, self.activities[member_id], at,
                    zone_of(self.facts[member_id].zone), self.facts[member_id].created_at,
                ),
            )  # fmt: skip
            standing = self.standings[member_id]
        if at < standing.since:
            return self._held_before(member_id, standing, at)
        return engine.held(standing, self.ladder, at)

    def _held_before(self, member_id: UUID, standing: Standing, at: datetime) -> str:
        """The tier held at an instant before the present one was reached."""
        for layer in reversed(standing.beneath):
            if layer.since <= at:
                return layer.tier
        return held_at(member_id, at) or self.ladder.tiers[0].code

    def _instant_of_loss(self, order: Kept) -> datetime:
        """When an order came to count less: its newest refund, or the write that changed it."""
        refunds = [refund.refunded_at for refund in order.refunds if refund.value]
        return min(max([order.updated_at, *refunds]), self.now)

    def _keep(self, member_id: UUID, outcome: tuple[Standing, list[Change]]) -> None:
        standing, changes = outcome
        if standing is not self.standings[member_id]:
            self.standings[member_id] = standing
            self.steps.setdefault(member_id, []).extend(changes)

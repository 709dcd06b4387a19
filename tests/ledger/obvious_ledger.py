"""The ledger told a second time, as naively as possible: lists, loops, no SQL, no laziness.

Everything happens at its own instant and in the order of time: holds end, points lapse, points are
released and pay debts, whether or not a job has run. What the program tells must equal this.
"""

from collections import Counter
from datetime import datetime, timedelta

from expiry_oracle import expiry, local_day, midnight_after
from obvious_lots import Account, Hold, Lot, Parts, Spend, free, total
from obvious_merges import Merges
from obvious_orders import Order

YEAR = {"policy": "rolling_months", "months": 12}
GRACE_DAYS = 30


class ObviousLedger(Merges):
    """What can be done with points."""

    # --- giving

    def award(self, who: str, points: int, until: datetime | None) -> None:
        account = self.account(who)
        account.earned += points
        lapses = until or expiry(YEAR, self.now, account.zone)
        account.open(points, self.now, lapses, self.now)

    def adjust(self, who: str, points: int) -> bool:
        account = self.account(who)
        if points < 0:
            return self._spend(account, -points) is not None
        account.open(points, self.now, expiry(YEAR, self.now, account.zone), self.now)
        return True

    # --- spending

    def _spend(self, account: Account, points: int) -> Parts | None:
        account.pay_debt(self.now)
        if points > account.available(self.now):
            return None
        return account.take(points, account.spendable(self.now))

    def redeem(self, who: str, points: int) -> Spend | None:
        parts = self._spend(self.account(who), points)
        return None if parts is None else Spend(self.live(who), parts)

    def reverse(self, spend: Spend, points: int) -> None:
        """As if fewer had been spent: what was spent last comes back first."""
        account, lapsed = self.account(spend.owner), 0
        again: Counter[datetime | None] = Counter()
        account.pay_debt(self.now)
        while points:
            lot, spent = spend.parts.pop()
            some = min(points, spent)
            points -= some
            if some < spent:
                spend.parts.append((lot, spent - some))
            if not lot.is_valid(self.now):
                lapsed += some
            elif lot in account.lots:
                lot.left += some
            else:  # the record that lives on gets lots of its own
                again[lot.lapses] += some
        account.lots += [Lot(some, self.now, lapses) for lapses, some in again.items()]
        if lapsed:
            last = local_day(self.now, account.zone) + timedelta(days=GRACE_DAYS)
            account.open(lapsed, self.now, midnight_after(last, account.zone), self.now)
        account.pay_debt(self.now)

    def transfer(self, giver: str, taker: str, points: int) -> bool:
        parts = self._spend(self.account(giver), points)
        if parts is None:
            return False
        got: Counter[datetime | None] = Counter()
        for lot, some in parts:
            got[lot.lapses] += some
        account = self.account(taker)
        account.lots += [Lot(some, self.now, lapses) for lapses, some in got.items()]
        account.pay_debt(self.now)
        return True

    # --- holds

    def hold(self, who: str, points: int, until: datetime) -> Hold | None:
        account = self.account(who)
        account.pay_debt(self.now)
        if points > account.available(self.now):
            return None
        hold = Hold(who, [], until)
        for lot in account.spendable(self.now):
            some = min(points - hold.points, lot.free)
            if some:
                lot.held += some
                hold.parts.append((lot, some))
        account.holds.append(hold)
        return hold

    def capture(self, hold: Hold, points: int) -> Spend:
        """Spend the earliest expiring of what is held; the rest is free, or lapses if it must."""
        account, parts = self.account(hold.owner), []
        account.pay_debt(self.now)
        free(hold.parts)
        hold.state, whole = "captured", points == hold.points
        for lot, held in hold.parts:
            some = min(points, held)
            points -= some
            lot.left -= some
            if some:
                parts.append((lot, some))
        if not whole:
            self._live(account, self.now)
        return Spend(self.live(hold.owner), parts)

    def void(self, hold: Hold) -> None:
        if hold.state == "held":
            hold.state = "void"
            free(hold.parts)
            self._live(self.account(hold.owner), self.now)

    # --- orders

    def settle(self, order: Order) -> None:
        """Give or take what the order's points changed by."""
        account, deserved = self.account(order.owner), order.deserved()
        if deserved > order.points:
            opens = order.available_at = order.opens()
            lapses = expiry(YEAR, opens, account.zone)
            account.earned += deserved - order.points
            order.lots.append(account.open(deserved - order.points, opens, lapses, self.now))
        elif deserved < order.points:
            self._claw_back(account, order, order.points - deserved)
        order.points = deserved

    def _claw_back(self, account: Account, order: Order, points: int) -> None:
        own = [lot for lot in order.lots if lot.is_valid(self.now)]
        own.sort(key=lambda lot: lot.opens <= self.now)
        points -= total(account.take(points, own))
        points -= total(account.take(points, account.spendable(self.now)))
        account.debt += points

    def retime(self, order: Order) -> None:
        """Points that still wait may be brought forward; the expiry counts from then."""
        opens, account = order.opens(), self.account(order.owner)
        if order.available_at > self.now:
            order.available_at = opens
            for lot in order.lots:
                if lot.opens > self.now:
                    lot.opens, lot.lapses = opens, expiry(YEAR, opens, account.zone)
        account.pay_debt(self.now)

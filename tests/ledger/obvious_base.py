"""Members, their points and the time; what readers are told of them."""

from collections import Counter
from copy import copy, deepcopy
from datetime import datetime
from typing import Self

from obvious_lots import Account
from obvious_orders import Order


class Members:
    """Some members by name, their orders, and the time."""

    def __init__(self, now: datetime, zones: dict[str, str]) -> None:
        self.now = now
        self.accounts = {name: Account(zone) for name, zone in zones.items()}
        self.orders: list[Order] = []
        self.merged: dict[str, str] = {}

    def live(self, name: str) -> str:
        """Who has this member's points now."""
        return self.merged.get(name, name)

    def account(self, name: str) -> Account:
        return self.accounts[self.live(name)]

    # --- time

    def move_to(self, at: datetime) -> None:
        """Live through every instant at which something happens by itself."""
        for account in self.accounts.values():
            account.pay_debt(self.now)
            turns = {lot.opens for lot in account.lots} | {hold.until for hold in account.holds}
            turns |= {lot.lapses for lot in account.lots if lot.lapses}
            for instant in sorted(turn for turn in turns if self.now < turn <= at):
                self._live(account, instant)
        self.now = at

    def _live(self, account: Account, instant: datetime) -> None:
        account.end_holds(instant)
        account.lapse(instant)
        account.pay_debt(instant)

    # --- what readers are told

    def figures(self, who: str) -> list[int]:
        """Available, pending, held, debt, ever earned."""
        account, now = self.paid(who), self.now
        waiting = [lot.left for lot in account.lots if lot.opens > now and lot.is_valid(now)]
        held = [hold.points for hold in account.holds if hold.state == "held"]
        return [account.available(now), sum(waiting), sum(held), account.debt, account.earned]

    def paid(self, who: str) -> Account:
        """A member's account as he is told: a debt that a merge brought is paid if it can be."""
        account = self.account(who)
        if not account.debt:
            return account
        account = copy(account)
        account.lots = [copy(lot) for lot in account.lots]
        account.pay_debt(self.now)
        return account

    def expiring(self, who: str) -> dict[datetime, int]:
        """Spendable points by the instant at which they lapse."""
        found: Counter[datetime] = Counter()
        for lot in self.paid(who).spendable(self.now):
            if lot.lapses:
                found[lot.lapses] += lot.free
        return dict(found)

    def releases(self, who: str) -> dict[datetime, int]:
        """Pending points by the instant at which they become spendable."""
        found: Counter[datetime] = Counter()
        for lot in self.account(who).lots:
            if lot.left and lot.opens > self.now and lot.is_valid(self.now):
                found[lot.opens] += lot.left
        return dict(found)

    def foretold(self, at: datetime) -> Self:
        """This ledger at a later instant, if nothing else happens."""
        later = deepcopy(self)
        later.move_to(at)
        return later

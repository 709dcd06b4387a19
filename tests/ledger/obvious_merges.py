"""Two records of one person, told as naively as possible."""

from obvious_base import Members
from obvious_lots import Hold, Lot, Merge, free


class Merges(Members):
    """Merging and parting: everything moves, and what is left of it goes back."""

    def merge(self, into: str, gone: str) -> Merge:
        """Everything of `gone` is `into`'s: each lot a copy of its own with the same times."""
        ours, theirs = self.accounts[into], self.accounts[gone]
        copies = {lot: Lot(lot.left, lot.opens, lot.lapses) for lot in theirs.lots if lot.left}
        orders = [(order, order.lots) for order in self.orders if order.owner == gone]
        holds = [hold for hold in theirs.holds if hold.state == "held"]
        merge = Merge(
            gone, into, self.now, theirs.debt, theirs.earned, list(copies.items()), holds, orders
        )
        for hold in holds:
            self._carry(hold, gone, into, copies)
        for lot in copies:
            lot.left = 0
        for order, lots in orders:
            order.owner, order.lots = into, [copies[lot] for lot in lots if lot in copies]
        ours.lots += copies.values()
        ours.debt, theirs.debt = ours.debt + theirs.debt, 0
        ours.earned += theirs.earned
        for name in (gone, *(one for one, to in self.merged.items() if to == gone)):
            self.merged[name] = into
            merge.names.append(name)
        return merge

    def _carry(self, hold: Hold, giver: str, taker: str, lots: dict[Lot, Lot]) -> None:
        """The same points stay held, on the other side."""
        free(hold.parts)
        hold.parts = [(lots[lot], points) for lot, points in hold.parts]
        for lot, points in hold.parts:
            lot.held += points
        hold.owner = taker
        self.accounts[giver].holds.remove(hold)
        self.accounts[taker].holds.append(hold)

    def undo(self, merge: Merge) -> None:
        """What is left of what moved goes back; what was spent or is held stays where it is."""
        ours, theirs = self.accounts[merge.into], self.accounts[merge.gone]
        back = min(merge.debt, ours.debt)
        ours.debt, theirs.debt = ours.debt - back, back
        ours.earned -= merge.earned
        originals = {copy: lot for lot, copy in merge.lots}
        for hold in [one for one in merge.holds if one.state == "held"]:
            self._carry(hold, merge.into, merge.gone, originals)
        for copy, lot in originals.items():
            came = sum(points for hold in theirs.holds for one, points in hold.parts
                       if one is lot and hold.state == "held")  # fmt: skip
            lot.left, copy.left = copy.left - copy.held, copy.held
            lot.held, lot.opens, lot.lapses = came, copy.opens, copy.lapses
        for order, lots in merge.orders:
            since = [lot for lot in order.lots if lot not in originals]
            fresh = [Lot(lot.free, lot.opens, lot.lapses) for lot in since if lot.free]
            for lot in since:
                lot.left = lot.held
            theirs.lots += fresh
            order.owner, order.lots = merge.gone, lots + fresh
        del self.merged[merge.gone]
        self.merged.update(dict.fromkeys(merge.names[1:], merge.gone))
        merge.undone = True

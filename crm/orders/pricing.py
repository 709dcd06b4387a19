"""What lines cost after discounts, and what is left of them after refunds. Pure and exact."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from crm.http.fields import MINOR_LIMIT
from crm.orders.errors import (
    AmountTooLarge,
    DiscountTooLarge,
    LineTwice,
    RefundTooLarge,
    UnknownLine,
)
from crm.orders.incoming import Line


def nets(lines: Sequence[Line], discount: int) -> list[int]:
    """Each line's amount after its own discount and its share of the order's, in minor units.

    The order's discount is spread pro rata by largest remainder (ties: the earlier line), so that
    the shares add up exactly. Raises `LineTwice`, `DiscountTooLarge`, `AmountTooLarge`.
    """
    seen: set[int] = set()
    gross, total = [], 0
    for place, line in enumerate(lines):
        if line.line_no in seen:
            raise LineTwice(pointer=f"/lines/{place}/line_no", line_no=line.line_no)
        seen.add(line.line_no)
        amount = line.quantity * line.unit_price - line.discount
        if amount < 0:
            raise DiscountTooLarge(pointer=f"/lines/{place}/discount")
        gross.append(amount)
        total += amount
        if total > MINOR_LIMIT:
            raise AmountTooLarge(pointer=f"/lines/{place}", most=MINOR_LIMIT)
    if not discount:
        return gross
    if discount > total:
        raise DiscountTooLarge(pointer="/discount")
    shares = [divmod(amount * discount, total) for amount in gross]
    rest = discount - sum(share for share, _ in shares)
    first = sorted(range(len(gross)), key=lambda place: (-shares[place][1], place))[:rest]
    cut = [share + (place in first) for place, (share, _) in enumerate(shares)]
    return [amount - share for amount, share in zip(gross, cut, strict=True)]


@dataclass(slots=True)
class Refund:
    """A refund as a fact: `lines` as {line_no: pieces}, or an `amount` in minor units.

    `value` is what it took off its order, `deduct` what the shop may keep of it for points that
    could not be taken back; `applied` says that an earlier write has counted it.
    """

    refund_no: str
    refunded_at: datetime
    lines: Mapping[int, int] | None
    amount: int | None
    restock: bool
    value: int = 0
    deduct: int = 0
    applied: bool = False


def in_turn(refunds: Iterable[Refund]) -> list[Refund]:
    """Refunds by time; of one instant those of lines first, so that "the rest" comes after them."""
    return sorted(refunds, key=lambda one: (one.refunded_at, one.lines is None, one.refund_no))


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is left of an order: money refunded, goods left (minor units), share of each line."""

    refunded: int
    goods: int
    shares: dict[int, Fraction]


def remainder(
    lines: Sequence[tuple[int, int, int]],
    shipping: int,
    refunds: Iterable[Refund],
    *,
    clamp: bool = False,
) -> Remainder:
    """Apply all refunds to an order of lines (line_no, quantity, net), in turn.

    The result depends on the set of refunds alone, not on the order of their arrival. A refund by
    amount is spread over what is left of the lines pro rata; what exceeds them is shipping. Sets
    each refund's `value`. Raises `RefundTooLarge`, `UnknownLine`; with `clamp`, what is too large
    counts as far as it goes (a refund that waited for an order, an order that shrank later).
    """
    quantity = {line_no: pieces for line_no, pieces, _ in lines}
    net = {line_no: amount for line_no, _, amount in lines}
    share = dict.fromkeys(quantity, Fraction(1))
    kept = dict(quantity)
    refunded, paid = 0, sum(net.values()) + shipping
    for refund in in_turn(refunds):
        left = sum(share[one] * net[one] for one in share)
        if refund.lines is not None:
            value = _return(refund.lines, share, kept, net, clamp)
        else:
            value = refund.amount or 0
            if value > paid - refunded and not clamp:
                raise RefundTooLarge(pointer="/amount", refundable=paid - refunded)
            factor = 1 - min(Fraction(value), left) / left if left else Fraction(1)
            share = {one: part * factor for one, part in share.items()}
        refund.value = min(value, paid - refunded)
        refunded += refund.value
    goods = sum(share[one] * net[one] for one in share)
    return Remainder(refunded, _rounded_up(goods), share)


def _return(
    pieces: Mapping[int, int],
    share: dict[int, Fraction],
    kept: dict[int, int],
    net: Mapping[int, int],
    clamp: bool,
) -> int:
    """Take returned pieces off their lines; what that is worth, exact over any number of returns.

    A piece takes its part of what is left of its line, so that earlier refunds by amount count.
    """
    before = _rounded_up(sum(share[one] * net[one] for one in share))
    for line_no, count in pieces.items():
        if line_no not in kept and not clamp:
            raise UnknownLine(pointer="/lines", line_no=line_no)
        if count > kept.get(line_no, 0) and not clamp:
            raise RefundTooLarge(pointer="/lines", refundable=kept[line_no])
        count = min(count, kept.get(line_no, 0))
        if not count:
            continue
        share[line_no] *= Fraction(kept[line_no] - count, kept[line_no])
        kept[line_no] -= count
    return before - _rounded_up(sum(share[one] * net[one] for one in share))


def _rounded_up(amount: Fraction | int) -> int:
    return -(-amount.numerator // amount.denominator)

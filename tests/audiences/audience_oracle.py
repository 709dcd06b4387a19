"""What a filter means, written the obvious way: one member after the other, in plain Python."""

from datetime import date, datetime, time, timedelta
from uuid import UUID

from audience_world import RUNS, ZONE, Move, Person


class Oracle:
    """Evaluates filters over a population at an instant."""

    def __init__(self, people: list[Person], now: datetime, saved: dict[str, dict] | None = None):
        self.people, self.now, self.saved = people, now, saved or {}
        self.today = now.astimezone(ZONE).date()
        self.into = {one.id: one.merged_into for one in people}

    def members(self, node: dict) -> set[UUID]:
        """The ids of those who fit."""
        return {one.id for one in self.people if one.status == "active" and self.fits(one, node)}

    def fits(self, one: Person, node: dict) -> bool:
        if "all" in node:
            return all(self.fits(one, part) for part in node["all"])
        if "any" in node:
            return any(self.fits(one, part) for part in node["any"])
        if "not" in node:
            return not self.fits(one, node["not"])
        field, op = node["field"], node["op"]
        value, days = node.get("value", True), node.get("within_days")
        if field == "audience":
            ids = value if op == "in" else [value]
            return any(self.is_in(one, audience_id) for audience_id in ids)
        if field == "member.birthday":
            return self.birthday(one, op, value)
        many = self.many(one, field, days)
        if many is not None:
            if op == "exists":
                return bool(many) == value
            return bool(many & (set(value) if op == "in" else {value}))
        return self.compare(self.value(one, field, days), op, value, field)

    def is_in(self, one: Person, audience_id: str) -> bool:
        if audience_id in self.saved:
            return self.fits(one, self.saved[audience_id])
        wanted = UUID(audience_id)
        return any(
            wanted in other.lists
            for other in self.people
            if other.id == one.id or other.merged_into == one.id
        )

    def birthday(self, one: Person, op: str, value) -> bool:
        if op == "exists":
            return (one.birthday is not None) == value
        if one.birthday is None:
            return False
        days = [self.today + timedelta(days=n) for n in range(value + 1)]
        return any((day.month, day.day) == one.birthday[:2] for day in days)

    def recent(self, at: datetime | None, days: int | None, *, ahead: bool = False) -> bool:
        """Whether an instant lies in the window of local days."""
        if at is None:
            return False
        if days is None:
            return True
        day = at.astimezone(ZONE).date()
        if ahead:
            return at > self.now and day <= self.today + timedelta(days=days)
        return at <= self.now and day >= self.today - timedelta(days=days)

    def counted(self, one: Person, days: int | None):
        return [
            order
            for order in one.orders
            if order.net > 0 and order.paid_at <= self.now and self.recent(order.paid_at, days)
        ]

    def many(self, one: Person, field: str, days: int | None) -> set | None:
        orders = self.counted(one, days)
        lines = [line for order in orders for line in order.lines]
        match field:
            case "tags":
                return set(one.tags)
            case "orders.sku":
                return {line[0] for line in lines}
            case "orders.category":
                return {line[1] for line in lines if line[1]}
            case "orders.label":
                return {label for line in lines for label in line[2]}
            case "orders.store" | "orders.channel" | "orders.region":
                name = field.partition(".")[2]
                return {getattr(order, name) for order in orders} - {None}
            case "coupon.usable" | "coupon.expiring":
                return {
                    str(coupon.template)
                    for coupon in one.coupons
                    if coupon.state in ("issued", "reserved")
                    and (coupon.expires_at is None or coupon.expires_at > self.now)
                    and (days is None or self.recent(coupon.expires_at, days, ahead=True))
                }
            case "rfm.moved_to":
                return {move.into for move in one.moves if self.moved(move, days)}
            case "rfm.moved_from":
                return {move.left for move in one.moves if self.moved(move, days)} - {None}
            case "next_purchase.due":
                return {
                    category
                    for category, (gaps, opens, closes) in one.windows.items()
                    if category and gaps and opens <= self.today <= closes
                }
            case "coupon.received":
                return {
                    str(coupon.template)
                    for coupon in one.coupons
                    if self.recent(coupon.issued_at, days)
                }
            case "coupon.used":
                return {
                    str(coupon.template)
                    for coupon in one.coupons
                    if coupon.state == "used" and self.recent(coupon.used_at, days)
                }
        if field.startswith("campaign."):
            return self.campaigns(one, field.partition(".")[2], days)
        return None

    def moved(self, move: Move, days: int | None) -> bool:
        """Whether a move counts, is one, and lies in the window."""
        if move.standing != "counts" or move.decided is None or move.left == move.into:
            return False
        run = RUNS[move.decided]
        return run.done and self.recent(self.now - timedelta(days=run.days_ago), days)

    def campaigns(self, one: Person, what: str, days: int | None) -> set[str]:
        told = [
            message
            for other in self.people
            if other.id == one.id or other.merged_into == one.id
            for message in other.told
        ]
        if what in ("opened", "clicked"):
            return {
                str(message.campaign)
                for message in told
                for kind, at in message.events
                if kind == what and self.recent(at, days)
            }
        states = {"planned": None, "sent": ("sent", "delivered"), "holdout": ("holdout",)}[what]
        return {
            str(message.campaign)
            for message in told
            if (states is None or message.state in states) and self.recent(message.at, days)
        }

    def value(self, one: Person, field: str, days: int | None):
        room, _, name = field.partition(".")
        if room == "member":
            return self.profile(one, name)
        if room == "consent":
            channel, _, purpose = name.partition(".")
            return one.consents.get((channel, purpose), purpose == "service")
        if room == "tier":
            return {
                "code": one.tier,
                "since": one.since,
                "valid_until": one.valid_until,
                "manual": one.floor is not None,
            }[name]
        if room == "next_purchase":
            return self.next_purchase(one, name)
        if room == "points":
            return self.points(one, name, days)
        return self.purchases(one, name, days)

    def profile(self, one: Person, name: str):
        if name.startswith("attributes."):
            return one.attributes.get(name.partition(".")[2])
        if name == "age":
            if one.birthday is None or one.birthday[2] is None:
                return None
            month, day, year = one.birthday
            return self.today.year - year - ((month, day) > (self.today.month, self.today.day))
        return {
            "name": one.name,
            "member_no": one.number,
            "gender": one.gender,
            "birthday_month": one.birthday and one.birthday[0],
            "locale": one.locale,
            "timezone": None,
            "home_store": one.home_store,
            "source": one.source,
            "joined_at": one.joined_at,
            "referred": one.referred_by is not None,
            "has_phone": one.phone is not None,
            "has_email": one.email is not None,
        }[name]

    def next_purchase(self, one: Person, name: str):
        if name in ("opens", "closes", "open"):
            gaps, opens, closes = one.windows.get("", (0, None, None))
            if name == "open":
                return bool(gaps) and opens <= self.today <= closes
            return {"opens": opens, "closes": closes}[name] if gaps else None
        names = ("chance_7", "chance_30", "chance_90", "place")
        return one.chances and one.chances[names.index(name)]

    def points(self, one: Person, name: str, days: int | None) -> int:
        def spendable(lot) -> bool:
            return lot.available_at <= self.now and (
                lot.expires_at is None or lot.expires_at > self.now
            )

        match name:
            case "available":
                return max(sum(lot.points for lot in one.lots if spendable(lot)) - one.debt, 0)
            case "pending":
                return sum(lot.points for lot in one.lots if lot.available_at > self.now)
            case "expiring":
                return sum(
                    lot.points
                    for lot in one.lots
                    if spendable(lot) and self.recent(lot.expires_at, days, ahead=True)
                )
            case "lifetime":
                return one.lifetime
        return one.debt

    def purchases(self, one: Person, name: str, days: int | None):
        if name == "segment":
            return one.segment
        orders = self.counted(one, days)
        on = sorted(order.paid_at.astimezone(ZONE).date() for order in orders)
        at = sorted(order.paid_at for order in orders)
        spent = sum(order.net for order in orders)
        match name:
            case "frequency":
                return len(set(on))
            case "count":
                return len(orders)
            case "monetary" | "spend":
                return spent
        if not orders:
            return None
        match name:
            case "recency_days":
                return max((self.today - on[-1]).days, 0)
            case "tenure_days":
                return max((self.today - on[0]).days, 0)
            case "mean_gap_days":
                return None if len(set(on)) < 2 else (on[-1] - on[0]).days // (len(set(on)) - 1)
            case "average":
                return spent // len(orders)
            case "first_at":
                return at[0]
            case "last_at":
                return at[-1]
        raise AssertionError(name)

    def compare(self, found, op: str, value, field: str) -> bool:
        if op == "exists":
            return (found is not None) == value
        if op == "ne":
            return not self.same(found, value)
        if found is None:
            return False
        match op:
            case "eq":
                return self.same(found, value)
            case "in":
                return any(self.same(found, other) for other in value)
            case "has":
                return isinstance(found, str) and value.lower() in found.lower()
            case "within_days" if type(found) is date:
                return self.today <= found <= self.today + timedelta(days=value)
            case "within_days":
                return self.recent(found, value, ahead=field == "tier.valid_until")
        if type(found) is date:
            days = [date.fromisoformat(one) for one in (value if op == "between" else [value])]
            return {
                "before": lambda: found < days[0],
                "after": lambda: found > days[0],
                "between": lambda: days[0] <= found <= days[-1],
            }[op]()
        if isinstance(found, datetime):
            return self.moment(found, op, value)
        bounds = value if op == "between" else [value]
        if any(self.family(found) != self.family(bound) for bound in bounds):
            return False
        return {
            "lt": lambda: found < value,
            "le": lambda: found <= value,
            "gt": lambda: found > value,
            "ge": lambda: found >= value,
            "between": lambda: value[0] <= found <= value[1],
        }[op]()

    @staticmethod
    def family(value) -> type:
        return float if type(value) in (int, float) else type(value)

    def same(self, found, value) -> bool:
        if type(found) is date:
            return found == date.fromisoformat(value)
        return self.family(found) == self.family(value) and found == value

    def moment(self, found: datetime, op: str, value) -> bool:
        def span(said: str) -> tuple[datetime, datetime]:
            if "T" in said:
                at = datetime.fromisoformat(said)
                return at, at
            day = date.fromisoformat(said)
            start = datetime.combine(day, time(), ZONE)
            return start, datetime.combine(day + timedelta(days=1), time(), ZONE) - timedelta(
                microseconds=1
            )

        match op:
            case "before":
                return found < span(value)[0]
            case "after":
                return found > span(value)[1]
        return span(value[0])[0] <= found <= span(value[1])[1]

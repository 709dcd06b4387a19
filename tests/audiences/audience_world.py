"""A small population with all that filters look at: as plain objects, and the same in the database.

Nothing here knows how filters become SQL. Points, orders and the rest are drawn from a fixed seed.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from crm.db import as_rows, db
from crm.ids import uuid7
from crm.segments.vocabulary import CODES

ZONE = ZoneInfo("Asia/Shanghai")
CHANNELS = ("email", "sms")
TAGS = ("vip", "staff", "press")
STORES = ("north", "south")
SKUS = {"A-1": "tea", "A-2": "tea", "B-1": "cups", "C-1": None}
TIERS = ("new", "bronze", "silver", "gold", "diamond")
TEMPLATES = (UUID(int=1 << 64 | 1), UUID(int=1 << 64 | 2))
CAMPAIGNS = (UUID(int=2 << 64 | 1), UUID(int=2 << 64 | 2))
LISTS = (UUID(int=3 << 64 | 1),)
MESSAGE_TEMPLATE = UUID(int=4 << 64 | 1)
MOVED = CODES[:3]


@dataclass
class Lot:
    """Points that share one expiry."""

    points: int
    available_at: datetime
    expires_at: datetime | None


@dataclass
class Order:
    """An order; `net` 0 is one that was refunded in full."""

    paid_at: datetime
    net: int
    store: str | None
    channel: str
    region: str | None
    lines: list[tuple[str, str | None, list[str]]]


@dataclass
class Coupon:
    """A coupon of a member."""

    template: UUID
    state: str
    issued_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


@dataclass
class Run:
    """A segmentation run; `done` is whether what it moved may be acted on."""

    id: UUID
    days_ago: int
    state: str = "done"
    taken_back: bool = False

    @property
    def done(self) -> bool:
        """Whether it is done, and was not taken back."""
        return self.state == "done" and not self.taken_back


@dataclass
class Move:
    """Into a segment; `left` is the one that counted before. Who decided it counts in time."""

    run: int  # its place in RUNS
    decided: int | None  # None: nobody yet
    left: str | None
    into: str
    standing: str


@dataclass
class Told:
    """A campaign's message."""

    campaign: UUID
    state: str
    at: datetime
    events: list[tuple[str, datetime]]


@dataclass
class Person:
    """A member. `merged_into` says who lives on."""

    id: UUID
    number: str
    status: str
    joined_at: datetime
    name: str | None
    gender: str | None
    birthday: tuple[int, int, int | None] | None
    locale: str | None
    home_store: str | None
    source: str | None
    segment: str | None
    attributes: dict
    phone: str | None
    email: str | None
    tier: str
    since: datetime
    valid_until: datetime | None
    floor: str | None
    debt: int
    lifetime: int
    tags: set[str] = field(default_factory=set)
    consents: dict[tuple[str, str], bool] = field(default_factory=dict)
    lots: list[Lot] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    coupons: list[Coupon] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    lists: set[UUID] = field(default_factory=set)
    moves: list[Move] = field(default_factory=list)
    chances: tuple[float, float, float, float] | None = None  # 7, 30, 90 days; the place
    windows: dict[str, tuple[int, date, date]] = field(default_factory=dict)  # gaps, opens, closes
    referred_by: UUID | None = None
    merged_into: UUID | None = None


RUNS = tuple(
    Run(UUID(int=5 << 64 | place), days, state, back)
    for place, (days, state, back) in enumerate(
        ((150, "done", False), (60, "done", False), (30, "done", True), (29, "done", False),
         (7, "done", False), (1, "failed", False), (0, "done", False))
    )
)  # fmt: skip


def population(now: datetime, size: int = 60, seed: int = 7) -> list[Person]:
    """Members of all sorts, some of them merged or erased."""
    draw = Random(seed)
    people = [_person(draw, now, number) for number in range(size)]
    active = [one for one in people if one.status == "active"]
    for one in people:
        if one.status == "merged":
            one.merged_into = draw.choice(active).id
        elif draw.random() < 0.2:
            one.referred_by = draw.choice(active).id if one is not active[0] else None
            if one.referred_by == one.id:
                one.referred_by = None
    return people


def _person(draw: Random, now: datetime, number: int) -> Person:
    def maybe(value, chance=0.7):
        return value if draw.random() < chance else None

    def ago(most: int) -> datetime:
        return now - timedelta(days=draw.randint(0, most), seconds=draw.randint(0, 86_399))

    def ahead(most: int) -> datetime:
        return now + timedelta(days=draw.randint(0, most), seconds=draw.randint(1, 86_399))

    one = Person(
        id=uuid7(),
        number=f"{number:010d}",
        status=draw.choices(("active", "merged", "erased"), (8, 1, 1))[0],
        joined_at=ago(400),
        name=maybe(draw.choice(("Lin Mei", "王小明", "Ada", "LINUS"))),
        gender=maybe(draw.choice(("female", "male", "other"))),
        birthday=maybe((draw.randint(1, 12), draw.randint(1, 28), maybe(draw.randint(1950, 2010)))),
        locale=maybe(draw.choice(("en", "zh-Hans", "zh-Hant"))),
        home_store=maybe(draw.choice(STORES)),
        source=maybe(draw.choice(("till", "web"))),
        segment=maybe(draw.choice(CODES)),
        attributes={
            name: value
            for name, value in (
                ("size", draw.choice(("S", "M", 38, 40.5))),
                ("newsletter", draw.choice((True, False))),
            )
            if draw.random() < 0.7
        },
        phone=maybe(f"+86139{number:08d}"),
        email=maybe(f"m{number}@example.test"),
        tier=draw.choice(TIERS),
        since=ago(300),
        valid_until=maybe(ahead(300)),
        floor=maybe("gold", 0.2),
        debt=maybe(draw.randint(1, 300), 0.2) or 0,
        lifetime=draw.randint(0, 5_000),
    )
    one.tags = {tag for tag in TAGS if draw.random() < 0.3}
    for channel in CHANNELS:
        for purpose in ("marketing", "service"):
            if draw.random() < 0.6:
                one.consents[channel, purpose] = draw.random() < 0.6
    for _ in range(draw.randint(0, 3)):
        available = draw.choice((ago(100), ahead(20)))
        expires = draw.choice((None, ahead(60), available + timedelta(days=draw.randint(1, 90))))
        if expires is not None and expires <= available:
            expires = None
        one.lots.append(Lot(draw.randint(1, 500), available, expires))
    for _ in range(draw.choice((0, 0, 1, 1, 2, 4))):
        one.orders.append(_order(draw, now))
    for _ in range(draw.randint(0, 2)):
        one.coupons.append(_coupon(draw, now))
    for _ in range(draw.randint(0, 2)):
        state = draw.choice(("delivered", "sent", "holdout", "suppressed"))
        at = ago(60)
        events = [("opened", at), ("clicked", at)][: draw.randint(0, 2)]
        one.told.append(
            Told(draw.choice(CAMPAIGNS), state, at, events if state != "holdout" else [])
        )
    one.chances = maybe(tuple(round(draw.random(), 2) for _ in range(4)))
    for category in ("", "tea", "cups"):
        if draw.random() < 0.5:
            opens = now.astimezone(ZONE).date() + timedelta(days=draw.randint(-40, 40))
            closes = opens + timedelta(days=draw.randint(0, 40))
            one.windows[category] = (draw.randint(0, 3), opens, closes)
    one.moves = _moves(Random(number))
    one.lists = {one_list for one_list in LISTS if draw.random() < 0.4}
    return one


def _moves(draw: Random) -> list[Move]:
    found: list[Move] = []
    left = None
    for place in sorted(draw.sample(range(len(RUNS)), draw.randint(0, 4))):
        standing = draw.choice(("counts", "counts", "waiting", "dropped"))
        later = draw.choice((place, place, min(place + 1, len(RUNS) - 1)))
        decided = None if standing == "waiting" else later
        found.append(Move(place, decided, left, draw.choice(MOVED), standing))
        if standing == "counts":
            left = found[-1].into
        if standing == "waiting":
            break
    return found


def _order(draw: Random, now: datetime) -> Order:
    at = now - timedelta(days=draw.randint(-2, 200), seconds=draw.randint(0, 86_399))
    skus = draw.sample(list(SKUS), draw.randint(1, 2))
    return Order(
        paid_at=at,
        net=draw.choice((0, 1_000, 5_000, 5_000, 20_000)),
        store=draw.choice((None, *STORES)),
        channel=draw.choice(("till", "web")),
        region=draw.choice((None, "TPE", "SHA")),
        lines=[(sku, SKUS[sku], [sku[0].lower()] if draw.random() < 0.5 else []) for sku in skus],
    )


def _coupon(draw: Random, now: datetime) -> Coupon:
    state = draw.choice(("issued", "reserved", "used", "void"))
    issued = now - timedelta(days=draw.randint(0, 90), seconds=1)
    expires = draw.choice((None, issued + timedelta(days=draw.randint(1, 120))))
    return Coupon(
        draw.choice(TEMPLATES), state, issued, expires, issued if state == "used" else None
    )


MEMBERS = text("""
    INSERT INTO member (id, created_at, updated_at, member_no, status, home_store, segment, name,
        gender, birthday_month, birthday_day, birthday_year, birthday_calendar, locale, source,
        attributes, referred_by, merged_into)
    SELECT id, joined_at, joined_at, number, status, home_store, segment, name, gender, month, day,
        year, CASE WHEN month IS NOT NULL THEN 'solar' END, locale, source, attributes,
        referred_by, merged_into
    FROM json_to_recordset(CAST(:rows AS json)) AS r (id uuid, joined_at timestamptz, number text,
        status text, home_store text, segment text, name text, gender text, month smallint,
        day smallint, year smallint, locale text, source text, attributes jsonb, referred_by uuid,
        merged_into uuid)
""")
FACTS = {
    "store": "code text, name jsonb, kind text, created_at timestamptz",
    "member_identity": "kind text, value text, member_id uuid",
    "member_tag": "member_id uuid, tag text, added_at timestamptz",
    "member_consent": "member_id uuid, id uuid, channel text, purpose text, granted boolean,"
    " at timestamptz, actor text, superseded_at timestamptz",
    "tier_standing": "member_id uuid, held text, tier text, since timestamptz,"
    " valid_until timestamptz, floor text, ladder_version integer, beneath jsonb",
    "points_account": "member_id uuid, seq integer, balance bigint, debt bigint,"
    " lifetime_earned bigint, head bytea, holds integer",
    "points_lot": "member_id uuid, id uuid, opened_by integer, size bigint, remaining bigint,"
    " available_at timestamptz, expires_at timestamptz, held bigint",
    "orders": "id uuid, channel text, order_no text, member_id uuid, status text, currency text,"
    " placed_at timestamptz, paid_at timestamptz, updated_at timestamptz, received_at timestamptz,"
    " store text, region text, shipping bigint, discount bigint, goods bigint, total bigint,"
    " refunded bigint, net bigint, counted boolean, local_day date, granted bigint, points bigint,"
    " debt bigint, tax bigint, regrants integer, clawed bigint, let_go bigint, deduct bigint,"
    " tender bigint, spent bigint, restored bigint, coupon_tender bigint",
    "order_line": "order_id uuid, line_no integer, member_id uuid, sku text, name text,"
    " category text, labels text[], quantity integer, unit_price bigint, discount bigint,"
    " net bigint, bought_at timestamptz",
    "coupon_template": "id uuid, name text, kind text, value bigint, skus text[],"
    " categories text[], created_at timestamptz, updated_at timestamptz, created_by text,"
    " issued bigint, used bigint, min_basis bigint, stackable boolean, returns_on_refund boolean,"
    " has_pool boolean, pool bigint, value_used bigint, committed bigint",
    "coupon": "code text, template_id uuid, state text, member_id uuid, created_at timestamptz,"
    " issued_at timestamptz, expires_at timestamptz, reserved_for text,"
    " reserved_until timestamptz, used_at timestamptz, used_channel text, used_order_no text,"
    " used_member uuid, voided_at timestamptz, bought_with_points boolean, committed bigint,"
    " value_used bigint",
    "message": "id uuid, member_id uuid, occasion_key uuid, channel text, purpose text,"
    " template_id uuid, template_version integer, source_type text, source_id text, zone text,"
    " state text, reason text, created_at timestamptz, sent_at timestamptz, priority smallint,"
    " variables jsonb, attempts smallint, fence integer",
    "message_event": "message_id uuid, id uuid, kind text, at timestamptz, data jsonb",
    "next_purchase": "member_id uuid, chance_7 float8, chance_30 float8, chance_90 float8,"
    " place float8, model_id uuid",
    "usual_window": "member_id uuid, category text, last_day date, gaps integer,"
    " lower_days integer, middle_days integer, upper_days integer, opens date, closes date",
    "segmentation_run": "id uuid, as_of timestamptz, state text, asked text, parameters jsonb,"
    " applied boolean, progress float8, requested_by text, requested_at timestamptz,"
    " rollback_requested_at timestamptz",
    "segment_assignment": "member_id uuid, run_id uuid, code text, previous text,"
    " frequency integer, monetary bigint, standing text, decided_by uuid, counted_from text",
    "audience": "id uuid, name text, kind text, version integer, created_at timestamptz,"
    " changed_at timestamptz, created_by text",
    "audience_member": "audience_id uuid, member_id uuid, added_at timestamptz",
}
SUMMARY = text("""
    INSERT INTO purchase_summary
    SELECT member_id, min(paid_at), max(paid_at), min(local_day), max(local_day),
           count(*), count(DISTINCT local_day), sum(net), :now
    FROM orders WHERE counted AND member_id IS NOT NULL GROUP BY member_id
""")


def put(table: str, rows: list[dict]) -> None:
    """Rows into a table; columns as in `FACTS`."""
    columns = ", ".join(part.strip().split(" ")[0] for part in FACTS[table].split(","))
    statement = f"""
        INSERT INTO {table} ({columns})
        SELECT {columns} FROM json_to_recordset(CAST(:rows AS json)) AS r ({FACTS[table]})
    """
    if rows:
        db.session.execute(text(statement), {"rows": as_rows(rows)})


def write(people: list[Person], now: datetime) -> None:
    """Put the population into the database."""
    kinds = [
        {"code": code, "name": {"en": code}, "kind": "shop", "created_at": now} for code in STORES
    ]
    put("store", kinds)
    db.session.execute(
        text("""
        INSERT INTO message_template (id, code, channel, purpose, version, created_at, changed_at)
        VALUES (:id, 'world', 'email', 'marketing', 1, :now, :now)
    """),
        {"id": MESSAGE_TEMPLATE, "now": now},
    )
    db.session.execute(
        text("""
        INSERT INTO message_template_version (template_id, version, languages, created_at,
                                              created_by)
        VALUES (:id, 1, '{}', :now, 'tests')
    """),
        {"id": MESSAGE_TEMPLATE, "now": now},
    )
    db.session.execute(
        MEMBERS, {"rows": as_rows([_member_row(one) for one in sorted(people, key=_living_first)])}
    )
    _write_facts(people, now)
    db.session.execute(SUMMARY, {"now": now})


def _living_first(one: Person) -> bool:
    return one.merged_into is not None or one.referred_by is not None


def _member_row(one: Person) -> dict:
    month, day, year = one.birthday or (None, None, None)
    names = (
        "id",
        "joined_at",
        "number",
        "status",
        "home_store",
        "segment",
        "name",
        "gender",
        "locale",
        "source",
        "attributes",
        "referred_by",
        "merged_into",
    )
    return {name: getattr(one, name) for name in names} | {"month": month, "day": day, "year": year}


def _write_facts(people: list[Person], now: datetime) -> None:
    rows: dict[str, list[dict]] = {name: [] for name in FACTS}
    for place, template in enumerate(TEMPLATES):
        rows["coupon_template"].append(
            {
                "id": template,
                "name": f"T{place}",
                "kind": "amount",
                "value": 100,
                "skus": [],
                "categories": [],
                "created_at": now,
                "updated_at": now,
                "created_by": "tests",
                "issued": 500,
                "used": 100,
                "min_basis": 0,
                "stackable": False,
                "returns_on_refund": True,
                "has_pool": False,
                "pool": 0,
                "value_used": 0,
                "committed": 0,
            }
        )
    for one_list in LISTS:
        rows["audience"].append(
            {
                "id": one_list,
                "name": str(one_list),
                "kind": "list",
                "version": 1,
                "created_at": now,
                "changed_at": now,
                "created_by": "tests",
            }
        )
    rows["segmentation_run"] = [_run_row(run, now) for run in RUNS]
    for one in people:
        _facts(one, rows, now)
    for table in FACTS:
        put(table, rows[table])


def _facts(one: Person, rows: dict[str, list[dict]], now: datetime) -> None:
    for kind, value in (("phone", one.phone), ("email", one.email), ("member_no", one.number)):
        if value:
            rows["member_identity"].append({"kind": kind, "value": value, "member_id": one.id})
    rows["member_tag"] += [{"member_id": one.id, "tag": tag, "added_at": now} for tag in one.tags]
    for (channel, purpose), granted in one.consents.items():
        # An earlier decision, the other way round, no longer counts.
        for said, superseded in ((not granted, now), (granted, None)):
            rows["member_consent"].append(
                {
                    "member_id": one.id,
                    "id": uuid7(),
                    "channel": channel,
                    "purpose": purpose,
                    "granted": said,
                    "at": now,
                    "actor": "tests",
                    "superseded_at": superseded,
                }
            )
    rows["tier_standing"].append(
        {
            "member_id": one.id,
            "held": one.tier,
            "tier": one.tier,
            "since": one.since,
            "valid_until": one.valid_until,
            "floor": one.floor,
            "ladder_version": 1,
            "beneath": [],
        }
    )
    rows["points_account"].append(
        {
            "member_id": one.id,
            "seq": 0,
            "balance": sum(lot.points for lot in one.lots) - one.debt,
            "debt": one.debt,
            "lifetime_earned": one.lifetime,
            "head": "",
            "holds": 0,
        }
    )
    rows["points_lot"] += [
        {
            "member_id": one.id,
            "id": uuid7(),
            "opened_by": place,
            "size": lot.points,
            "remaining": lot.points,
            "available_at": lot.available_at,
            "expires_at": lot.expires_at,
            "held": 0,
        }
        for place, lot in enumerate(one.lots, 1)
    ]
    for order in one.orders:
        _order_rows(one, order, rows)
    rows["coupon"] += [_coupon_row(one, coupon) for coupon in one.coupons]
    for told in one.told:
        message_id = uuid7()
        was_sent = told.state in ("sent", "delivered")
        rows["message"].append(
            {
                "id": message_id,
                "member_id": one.id,
                "occasion_key": uuid7(),
                "channel": "email",
                "purpose": "marketing",
                "template_id": MESSAGE_TEMPLATE,
                "template_version": 1,
                "source_type": "campaign",
                "source_id": str(told.campaign),
                "zone": ZONE.key,
                "state": told.state,
                "reason": None if was_sent else told.state,
                "created_at": told.at,
                "sent_at": told.at if was_sent else None,
                "priority": 0,
                "variables": {},
                "attempts": 0,
                "fence": 0,
            }
        )
        rows["message_event"] += [
            {"message_id": message_id, "id": uuid7(), "kind": kind, "at": at, "data": {}}
            for kind, at in told.events
        ]
    if one.chances:
        names = ("chance_7", "chance_30", "chance_90", "place")
        chances = dict(zip(names, one.chances, strict=True))
        rows["next_purchase"].append({"member_id": one.id, "model_id": one.id} | chances)
    for category, (gaps, opens, closes) in one.windows.items():
        days = dict.fromkeys(("lower_days", "middle_days", "upper_days"), 5)
        rows["usual_window"].append(
            {"member_id": one.id, "category": category, "last_day": opens, "gaps": gaps}
            | {"opens": opens, "closes": closes}
            | days
        )
    rows["segment_assignment"] += [
        {
            "member_id": one.id,
            "run_id": RUNS[move.run].id,
            "code": move.into,
            "previous": move.left,
            "frequency": 1,
            "monetary": 1,
            "standing": move.standing,
            "decided_by": None if move.decided is None else RUNS[move.decided].id,
            "counted_from": move.left,
        }
        for move in one.moves
    ]
    rows["audience_member"] += [
        {"audience_id": one_list, "member_id": one.id, "added_at": now} for one_list in one.lists
    ]


def _run_row(run: Run, now: datetime) -> dict:
    at = now - timedelta(days=run.days_ago)
    return {
        "id": run.id,
        "as_of": at,
        "state": run.state,
        "asked": "auto",
        "parameters": {},
        "applied": True,
        "progress": 1,
        "requested_by": "tests",
        "requested_at": at,
        "rollback_requested_at": at if run.taken_back else None,
    }


def _order_rows(one: Person, order: Order, rows: dict[str, list[dict]]) -> None:
    order_id = uuid7()
    zero = dict.fromkeys(
        (
            "shipping",
            "discount",
            "granted",
            "points",
            "debt",
            "tax",
            "regrants",
            "clawed",
            "let_go",
            "deduct",
            "tender",
            "spent",
            "restored",
            "coupon_tender",
        ),
        0,
    )
    total = order.net or 700
    rows["orders"].append(
        zero
        | {
            "id": order_id,
            "channel": order.channel,
            "order_no": str(order_id),
            "member_id": one.id,
            "status": "paid",
            "currency": "CNY",
            "placed_at": order.paid_at,
            "paid_at": order.paid_at,
            "updated_at": order.paid_at,
            "received_at": order.paid_at,
            "store": order.store,
            "region": order.region,
            "goods": total,
            "total": total,
            "refunded": total - order.net,
            "net": order.net,
            "counted": order.net > 0,
            "local_day": order.paid_at.astimezone(ZONE).date(),
        }
    )
    for place, (sku, category, labels) in enumerate(order.lines, 1):
        rows["order_line"].append(
            {
                "order_id": order_id,
                "line_no": place,
                "member_id": one.id,
                "sku": sku,
                "name": sku,
                "category": category,
                "labels": labels,
                "quantity": 1,
                "unit_price": 100,
                "discount": 0,
                "net": 100,
                "bought_at": order.paid_at if order.net > 0 else None,
            }
        )


def _coupon_row(one: Person, coupon: Coupon) -> dict:
    used, reserved = coupon.state == "used", coupon.state == "reserved"
    return {
        "code": str(uuid7()),
        "template_id": coupon.template,
        "state": coupon.state,
        "member_id": one.id,
        "created_at": coupon.issued_at,
        "issued_at": coupon.issued_at,
        "expires_at": coupon.expires_at,
        "reserved_for": "cart" if reserved else None,
        "reserved_until": coupon.issued_at if reserved else None,
        "used_at": coupon.used_at,
        "used_channel": "till" if used else None,
        "used_order_no": "1" if used else None,
        "used_member": one.id if used else None,
        "voided_at": coupon.issued_at if coupon.state == "void" else None,
        "bought_with_points": False,
        "committed": 0,
        "value_used": 0,
    }

"""A small shop with everything that pages can show, told through the API."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from api_client import Api
from campaigning import buy as buy_each
from campaigning import make_campaign, make_members

from crm import clock
from crm.activities.jobs import release_referrals
from crm.campaigns import jobs as campaign_jobs
from crm.campaigns.surveys import answering, links, opening
from crm.campaigns.surveys.answering import Answer
from crm.campaigns.surveys.opening import Opening
from crm.db import transaction
from crm.segments import jobs, work

EVIL = "<script>alert(1)</script>{{ 7*7 }}"
ENDING = "4471"
STORES = {
    "jingan": {"en": "Jing’an store", "zh-Hans": "静安店", "zh-Hant": "靜安店"},
    "pudong": {"en": "Pudong store", "zh-Hans": "浦东店", "zh-Hant": "浦東店"},
}


@dataclass(frozen=True)
class Shop:
    """The ids of the shop's members, by who they are."""

    lin: str
    evil: str
    nobody: str
    spent: str  # the entry of a redemption by Lin
    coupon: str  # a template of which Lin has one, with a pool
    reward: str  # a gift that the other has taken
    template: str  # of a mail in two languages
    message: str  # a test of it, filled in for Lin
    case: str  # opened by a bad rating of the other
    survey: str  # what a link to one that waits for an answer ends with
    waiting: str  # a campaign with two arms, for a day far away; Lin is in its audience
    draft: str  # of a campaign, whole
    campaign: str = ""  # one with two arms whose windows are over, where there is one
    audience: str = ""  # a filter of groups in groups, where there is one
    guests: str = ""  # a list, where there is one


@dataclass(frozen=True)
class Served:
    """A shop on a server that browsers reach."""

    address: str
    shop: Shop


def furnish(api: Api) -> Shop:
    """Stores, members, their orders, awards, notes and consents; and the segments of them all."""
    for code, name in STORES.items():
        _ok(api.post("/stores", {"code": code, "name": name, "kind": "shop"}))
    now = clock.now()
    lin = _member(api, name="林晓雯", phone="+8613812344471", email="lin@example.com",
                  gender="female", locale="zh-Hans", home_store="jingan",
                  tags=["礼盒客", "坚果过敏"])  # fmt: skip
    evil = _member(api, name=EVIL, phone="+8613912344471", tags=["<b>bold</b>"])
    nobody = _member(api, phone="+33612344471")
    for body in _orders(now):
        buy(api, body)
    member = {"id": lin}
    award = {"member": member, "activity": "review", "source_key": "r-1", "points": 30}
    _ok(api.post("/points/awards", award))
    spent = _ok(
        api.post("/points/redemptions", {"member": member, "points": 100, "reference": "till-7"})
    )
    _ok(
        api.post(
            "/points/adjustments",
            {"member": member, "points": 6_000, "note": EVIL, "reason_code": "goodwill"},
        )
    )  # waits for a second person
    _ok(api.post(f"/members/{lin}/notes", {"text": "喜欢白毫银针 & <i>gifts</i>"}))
    consent = {"granted": True, "wording": "2025-06", "source": "till"}
    _ok(api.put(f"/members/{lin}/consents/sms/marketing", consent))
    refund = {"refunded_at": _text(now - timedelta(days=2)), "amount": 4_000}
    _ok(api.put("/orders/pos/JA-2/refunds/R-1", refund))
    calculate_segments()
    coupon, reward = coupons_for(api, lin), _reward(api, evil)
    asked = _surveys(api, evil)
    told = (*_template(api, lin), *asked, *_campaigns(api))
    return Shop(lin, evil, nobody, spent["id"], coupon, reward, *told)


def buy(api: Api, body: dict[str, Any]) -> None:
    """Write an order as `order` makes it."""
    path = f"/orders/{body['channel']}/{body['order_no']}"
    rest = {name: value for name, value in body.items() if name not in ("channel", "order_no")}
    _ok(api.put(path, rest))


def coupons_for(api: Api, member_id: str) -> str:
    """A coupon with a stock, a budget and a pool; the member has used one and has another."""
    body = {"name": "春茶八折", "kind": "percent", "value": 20, "max_discount": 5_000,
            "min_basis": 10_000, "scope": {"categories": ["tea", "茶"]}, "stock": 100,
            "budget": 100_000}  # fmt: skip
    template = _ok(api.post("/coupon-templates", body))["id"]
    _ok(api.post(f"/coupon-templates/{template}/codes", {"count": 5}))
    for occasion in ("spring", "summer"):
        given = {"member": {"id": member_id}, "occasion": occasion}
        code = _ok(api.post(f"/coupon-templates/{template}/issue", given))["code"]
    order = {"channel": "pos", "order_no": "JA-1", "discount": 3_000}
    _ok(api.post(f"/coupons/{code}/use", order))
    return template


def with_audiences(api: Api, shop: Shop) -> Shop:
    """The shop with an audience of nearly every sort of condition, and a list with one member."""
    tag = {"field": "tags", "op": "in", "value": ["礼盒客", "坚果过敏"]}
    spent = {"field": "rfm.monetary", "op": "between", "value": [100, 900_000]}
    lately = {"field": "orders.count", "op": "ge", "value": 1, "within_days": 365}
    size = {"field": "member.attributes.size", "op": "ne", "value": 38}
    joined = {"field": "member.joined_at", "op": "within_days", "value": 30}
    inner = {"any": [tag, spent, {"not": {"any": [size, joined]}}]}
    name = f"{EVIL} 2"  # the campaign has one of that name
    body = {"name": name, "description": EVIL, "filter": {"all": [lately, inner]}}
    audience = _ok(api.post("/audiences", body))["id"]
    guests = _ok(api.post("/audiences", {"name": "Guests", "kind": "list"}))["id"]
    _ok(api.post(f"/audiences/{guests}/members", {"members": [shop.lin]}))
    return replace(shop, audience=audience, guests=guests)


def with_campaign(shop: Shop) -> Shop:
    """The shop with a campaign of last month, of enough members to be told from chance."""
    due = clock.now() - timedelta(days=30)
    members = make_members(450, due - timedelta(days=300))
    rows = {member: (n % 3, due) for n, member in enumerate(members)}
    amounts = [(9_000 if arm == 1 else 4_000) + 7 * n for n, (arm, _) in enumerate(rows.values())]
    buy_each(members, amounts, due + timedelta(days=1), "campaign-")
    return replace(shop, campaign=str(make_campaign(rows, arms=2)))


def _template(api: Api, member_id: str) -> tuple[str, str]:
    """A mail in two languages, and a test of it that waits to be sent."""
    html = "<mjml><mj-body><mj-section><mj-column><mj-text>{{ member.name }}: {{ coupon.code }}"
    html += "</mj-text></mj-column></mj-section></mj-body></mjml>"
    said = {"subject": "{{ member.name }}", "html": html}
    body = {"code": "spring", "channel": "email", "purpose": "marketing",
            "languages": {"en": said, "zh-Hans": said}}  # fmt: skip
    template = _ok(api.post("/templates", body))["id"]
    test = {"member": {"id": member_id}, "to": "me@shop.example"}
    return template, _ok(api.post(f"/templates/{template}/test-send", test))["id"]


def _campaigns(api: Api) -> tuple[str, str]:
    """A campaign by text message that was launched for a day far away, and one that was not."""
    text = {"zh-Hans": {"text": "{{ member.name | default: '您好' }}，新茶到店"}}
    body = {"code": "new-tea", "channel": "sms", "purpose": "marketing", "languages": text}
    template = _ok(api.post("/templates", body))["id"]
    filter_ = {"all": [{"field": "tags", "op": "has", "value": "礼盒客"}]}
    audience = _ok(api.post("/audiences", {"name": EVIL, "filter": filter_}))["id"]
    arms = [{"template": template, "points": 20}, {"template": template, "weight": 2}]
    body = {"name": EVIL, "audience": audience, "arms": arms, "holdout_percent": 0}
    far = {"schedule": {"at": "2099-01-01T04:00:00Z"}}
    launched, draft = (_ok(api.post("/campaigns", body | far))["id"] for _ in range(2))
    _ok(api.post(f"/campaigns/{launched}/launch"))
    campaign_jobs.work(launched)
    return launched, draft


def _reward(api: Api, taker: str) -> str:
    """A gift that a member has taken, and one that nobody can have yet."""
    award = {"member": {"id": taker}, "activity": "survey", "source_key": "s-1", "points": 20}
    _ok(api.post("/points/awards", award))
    body = {"kind": "gift", "name": {"en": EVIL}, "points": 15, "tier_prices": {"gold": 10}}
    gift = _ok(api.post("/rewards", body | {"stock": 9}))["id"]
    _ok(api.post(f"/rewards/{gift}/redemptions", {"member": {"id": taker}}))
    _ok(api.post("/rewards", body | {"starts_at": "2099-01-01T00:00:00Z"}))
    return gift


def _surveys(api: Api, member_id: str) -> tuple[str, str]:
    """Two answers, a month apart, the later one a bad one; and a survey that waits for its own."""
    member, now = UUID(member_id), clock.now()
    plan = [(now - timedelta(days=40), Answer(5, None, "en")), (now, Answer(1, EVIL, "en"))]
    with transaction():
        for at, answer in plan:
            occasion = f"aftersale:{at}"
            made = opening.open_many([Opening(member, occasion, points=0)], at)
            answering.answer(made[occasion], answer, now=at)
        waiting = opening.open_many([Opening(member, "aftersale:waits")], now)["aftersale:waits"]
    (case,) = api.get("/cases").get_json()["data"]
    return case["id"], links.token(waiting)


def refer(api: Api) -> tuple[str, str]:
    """A member who brought two friends: the one who bought shares his device, so somebody has to
    look; the other has bought nothing. Returns the referrer and the first friend."""
    rule = {"kind": "activity", "activity": "referral", "points": 300, "referee_points": 100}
    _ok(api.post("/points/rules", rule))
    device = {"fingerprints": ["device_0123456789abcd"]}
    referrer = _member(api, name="周婷", **device)
    friends = [
        _member(api, phone=phone, referred_by={"id": referrer})
        for phone in ("+8613712340001", "+8613712340002")
    ]
    buy(api, order("F-1", "+8613712340001", clock.now() - timedelta(days=30), 9_900) | device)
    release_referrals(clock.now())
    return referrer, friends[0]


def calculate_segments() -> None:
    """What a worker does when somebody asks for it."""
    with transaction():
        run = jobs.queue_run(None, {}, now=clock.now())
    assert run is not None
    work.perform(run.id)


def _member(api: Api, **body: Any) -> str:
    return _ok(api.post("/members", body))["id"]


def _orders(now: datetime) -> Iterator[dict[str, Any]]:
    """Lin's visits over a year, the other's one."""
    for number, days in enumerate((1, 20, 60, 100, 150, 200, 330)):
        yield order(f"JA-{number + 1}", "+8613812344471", now - timedelta(days=days), 16_800)
    yield order("JA-9", "+8613912344471", now - timedelta(days=3), 9_900, name=EVIL)


def order(
    number: str, phone: str, at: datetime, price: int, name: str = "茉莉龙珠"
) -> dict[str, Any]:
    """An order of two things by the member with this phone."""
    tea = {"line_no": 1, "sku": "tea-1", "name": name, "quantity": 2, "unit_price": price}
    cup = {"line_no": 2, "sku": "cup-1", "name": "Cup", "quantity": 1, "unit_price": 8_000}
    return {
        "channel": "pos",
        "order_no": number,
        "member": {"phone": phone},
        "status": "completed",
        "placed_at": _text(at),
        "paid_at": _text(at),
        "delivered_at": _text(at),
        "updated_at": _text(at),
        "currency": "CNY",
        "store": "jingan",
        "lines": [tea, cup],
    }


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _ok(answer: Any) -> Any:
    assert answer.status_code < 300, answer.text
    return answer.get_json()

"""What happened to coupons is told: in the member's timeline, and in the audit trail."""

from datetime import timedelta

from api_client import Api

from crm.coupons import redemption, returning
from crm.db import transaction


def coupon_events(api: Api, member) -> list[tuple[str, str]]:
    rows = api.get(f"/members/{member}/timeline").json["data"]
    return [(row["kind"], row["data"]["code"]) for row in rows if row["kind"].startswith("coupon_")]


def test_a_members_timeline_tells_of_his_coupons(admin, api_with, template, give, person, now):
    member, other, kind = person(), person(), template()
    used, voided = give(kind, member), give(kind, member, now=now - timedelta(hours=1))
    give(kind, other)
    with transaction():
        asked = redemption.Asked(at=now, order=("web", "A1"))
        redemption.use(used, asked, now=now + timedelta(minutes=1))
        returning.void(voided, reason="by mistake", now=now + timedelta(minutes=2))
    assert coupon_events(admin, member) == [
        ("coupon_voided", voided), ("coupon_used", used),
        ("coupon_given", used), ("coupon_given", voided),
    ]  # fmt: skip
    rows = admin.get(f"/members/{member}/timeline").json["data"]
    told = {row["kind"]: row["data"] for row in rows}
    assert told["coupon_used"]["order_no"] == "A1"
    assert told["coupon_voided"]["reason"] == "by mistake"
    assert told["coupon_given"]["template"]["name"] == "Spring"
    assert coupon_events(api_with("members:read"), member) == []
    paged, cursor = [], ""
    while True:
        page = admin.get(f"/members/{member}/timeline?limit=1{cursor}").json
        paged += page["data"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert paged == rows


def test_what_programs_give_is_on_record(admin, api_with, template, person):
    member, kind = person(), template()
    till = api_with("coupons:write", name="till")
    body = {"member": {"id": str(member)}, "occasion": "sorry"}
    code = till.post(f"/coupon-templates/{kind}/issue", body).json["code"]
    till.post(f"/coupon-templates/{kind}/issue", body)
    found = admin.get("/audit?object_type=coupon").json["data"]
    assert [(one["action"], one["object_id"]) for one in found] == [("coupon.given", code)]

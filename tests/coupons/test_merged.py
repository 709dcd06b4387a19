"""Coupons of two records of one person change hands, and go back."""

from coupon_counters import counters_are_true

from crm.coupons import redemption
from crm.db import transaction


def merge(admin, kept, gone) -> str:
    answer = admin.post(f"/members/{kept}/merge", {"from": {"id": str(gone)}})
    assert answer.status_code == 201, answer.data
    return answer.get_json()["id"]


def of(admin, member) -> set[str]:
    rows = admin.get(f"/members/{member}/coupons").get_json()["data"]
    return {row["code"] for row in rows}


def test_coupons_go_with_a_merge_and_come_back_with_its_undo(admin, template, give, person, now):
    kept, gone, kind = person(), person(), template()
    own = give(kind, kept, "birthday")
    theirs, used = give(kind, gone, "birthday"), give(kind, gone, "welcome")
    with transaction():
        redemption.use(used, redemption.Asked(at=now, order=("web", "1")), now=now)
    body = {"from": {"id": str(gone)}}
    seen = admin.post(f"/members/{kept}/merge/preview", body).get_json()
    assert seen["moves"]["coupons"] == 2
    merge_id = merge(admin, kept, gone)
    assert admin.get(f"/merges/{merge_id}").get_json()["moved"]["coupons"] == 2
    assert of(admin, kept) == {own, theirs, used}
    assert give(kind, kept, "birthday") == own
    assert give(kind, kept, "welcome") == used
    assert admin.post(f"/merges/{merge_id}/undo").status_code == 200
    assert (of(admin, kept), of(admin, gone)) == ({own}, {theirs, used})
    assert give(kind, gone, "birthday") == theirs
    counters_are_true()

"""Two records of one person: what one was given, the one that lives on does not get again."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from api_client import Api
from clocks import set_to
from order_bodies import order_body, stamp
from travellers import (
    NOON,
    consent,
    coupon_template,
    coupons_of,
    given,
    points_of,
    reasons,
    run_at,
    switch,
    traveller,
)

DAY = timedelta(days=1)
MORNING = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)  # nine in Shanghai
IN_NEW_YORK = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def ticked(at: datetime) -> int:
    return run_at(at, set_to)


def merge(admin: Api, kept: UUID, gone: UUID) -> str:
    answer = admin.post(f"/members/{kept}/merge", {"from": {"id": str(gone)}})
    assert answer.status_code < 300, answer.text
    return answer.get_json()["id"]


def deliver(admin: Api, member: UUID, order_no: str, at: datetime) -> None:
    """An order of a member's that was delivered at an instant."""
    times = {name: stamp(at - DAY) for name in ("placed_at", "paid_at", "updated_at")}
    body = order_body(member, status="delivered") | times
    answer = admin.put(f"/orders/web/{order_no}", body | {"delivered_at": stamp(at)})
    assert answer.status_code < 300, answer.text


def test_a_birthday_gift_is_not_given_again_through_the_record_that_lives_on(admin: Api):
    """He was born on one day and has two records, in Shanghai and in New York: their mornings are
    thirteen hours apart, and between them the records are merged."""
    gift = coupon_template()
    switch("birthday", points=5, coupon_template=str(gift))
    kept = traveller(born=(11, 22), zone="America/New_York")
    gone = traveller(born=(11, 22), zone="Asia/Shanghai")
    ticked(MORNING)
    assert (given("birthday", gone), given("birthday", kept)) == (["2026-11-22"], [])
    merge(admin, kept, gone)
    ticked(IN_NEW_YORK)
    assert reasons("birthday", kept) == ["duplicate_person"]
    assert points_of(kept) == 5, "they came with the other record"
    assert len(coupons_of(kept)) == 1
    ticked(IN_NEW_YORK + 365 * DAY)
    assert given("birthday", kept) == ["2027-11-22"]


def test_a_merge_that_is_undone_gives_each_his_own_birthday(admin: Api):
    switch("birthday", points=5)
    kept = traveller(born=(11, 24), zone="America/New_York")
    gone = traveller(born=(11, 22), zone="Asia/Shanghai")
    ticked(MORNING)
    undone = merge(admin, kept, gone)
    assert admin.post(f"/merges/{undone}/undo").status_code == 200
    ticked(IN_NEW_YORK + 2 * DAY)
    assert given("birthday", kept) == ["2026-11-24"]
    assert given("birthday", gone) == ["2026-11-22"]


def test_a_record_that_got_nothing_stands_in_nobodys_way(admin: Api):
    """The one had opted out, so it was skipped; the other takes marketing."""
    switch("member_day", days_of_month=[22], points=5)
    kept = traveller(zone="America/New_York")
    gone = traveller(zone="Asia/Shanghai", consents={})
    ticked(MORNING)
    assert reasons("member_day", gone) == ["opted_out"]
    merge(admin, kept, gone)
    consent(kept, "email.marketing", granted=True, at=MORNING)
    ticked(IN_NEW_YORK)
    assert given("member_day", kept) == ["2026-11-22"]


def test_days_of_rest_count_over_both_records(admin: Api):
    """Asked about an order as the one, he is not asked about the next as the other soon after."""
    set_to(NOON)
    switch("after_sale", days_after_delivery=1, cooldown_days=14)
    kept, gone = traveller(), traveller()
    deliver(admin, gone, "first", NOON)
    ticked(MORNING + DAY)
    assert given("after_sale", gone) == ["2026-11-23"]
    merge(admin, kept, gone)
    deliver(admin, kept, "second", NOON + DAY)
    ticked(MORNING + 2 * DAY)
    assert reasons("after_sale", kept) == ["cooldown"]
    deliver(admin, kept, "third", NOON + 16 * DAY)
    ticked(MORNING + 17 * DAY)
    assert given("after_sale", kept) == ["2026-12-09"]


def test_a_silence_is_broken_into_once(admin: Api):
    """Both records bought on the same day by their own calendars, and fell silent then."""
    set_to(IN_NEW_YORK + DAY)
    switch("win_back", now=IN_NEW_YORK + DAY, days=7)
    kept, gone = traveller(zone="America/New_York"), traveller(zone="Asia/Shanghai")
    for member, order_no in ((kept, "his"), (gone, "other")):
        deliver(admin, member, order_no, IN_NEW_YORK + DAY)
    ticked(MORNING + 7 * DAY)
    assert (given("win_back", gone), given("win_back", kept)) == (["2026-11-29"], [])
    merge(admin, kept, gone)
    for more in range(7, 10):
        ticked(IN_NEW_YORK + more * DAY)
    assert reasons("win_back", kept) == ["duplicate_person"]

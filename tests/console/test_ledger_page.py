"""The ledger page: every entry with its lots, the balance of any day, the download."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from api_client import Api
from shop import Shop
from visitor import Visitor, words

from crm import clock
from crm.console.ledger_export import harmless

As = Callable[..., Visitor]


def entries_of(admin: Api, member_id: str) -> list[dict]:
    return admin.get(f"/members/{member_id}/points/entries?limit=200").get_json()["data"]


def test_every_entry_shows_when_what_who_and_the_balance_after_it(
    signed_in: As, shop: Shop, admin: Api
):
    page = words(signed_in("admin").get(f"/members/{shop.lin}/ledger"))
    for entry in entries_of(admin, shop.lin):
        sign = "+" if entry["points"] > 0 else ""
        figure = f"{sign}{entry['points']:,}".replace("-", "−")
        assert f"{figure} {entry['balance_after']:,}" in page
    assert "Redeemed till-7" in page
    assert "Review r-1" in page
    assert "Taken back after a refund JA-2" in page


def test_an_entry_opens_to_the_lots_that_it_touched(signed_in: As, shop: Shop, admin: Api):
    page = signed_in("admin").get(f"/members/{shop.lin}/ledger")
    rows = {
        int(seq): re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", row))
        for seq, row in re.findall(r'<tr id="entry-(\d+)">(.*?)</tr>', page.text, re.DOTALL)
    }
    opened = {}
    for entry in reversed(entries_of(admin, shop.lin)):
        for lot in entry["lots"]:
            if entry["kind"] in ("earn", "award"):
                opened[lot["lot_id"]] = entry["seq"]
                assert f"Opened a lot of {lot['points']:,} points" in rows[entry["seq"]]
            else:
                told = (
                    f"Took {-lot['points']:,} points from the lot of entry {opened[lot['lot_id']]}"
                )
                assert told in rows[entry["seq"]]
    assert opened


def test_open_lots_show_what_is_left_and_until_when(signed_in: As, shop: Shop, admin: Api):
    page = words(signed_in("admin").get(f"/members/{shop.lin}/ledger"))
    balance = admin.get(f"/members/{shop.lin}/points").get_json()
    shown = re.search(r"Open lots(.*?)Entries", page)
    assert shown
    left = re.findall(r" ([\d,]+) ([\d,]+) – \d{4}-", shown[1])
    total = sum(int(remaining.replace(",", "")) for _, remaining in left)
    assert total == balance["available"] + balance["pending"] + balance["held"]
    assert "become available" in page
    assert "expire after this day" in page


def test_the_balance_over_time_ends_with_the_balance(signed_in: As, shop: Shop, admin: Api):
    page = words(signed_in("admin").get(f"/members/{shop.lin}/ledger"))
    newest = entries_of(admin, shop.lin)[0]["balance_after"]
    table = re.search(r"Came in Went out Balance (.*?) What comes", page)
    assert table
    rows = re.findall(r"(\d{4}-\d\d-\d\d) (–|\+[\d,]+) (–|−[\d,]+) ([\d,]+)", table[1])
    assert [day for day, *_ in rows] == sorted((day for day, *_ in rows), reverse=True)
    running = 0
    for _, gained, lost, balance in reversed(rows):
        running += int(gained.replace(",", "").replace("–", "0"))
        running -= int(lost.lstrip("−").replace(",", "").replace("–", "0"))
        assert balance == f"{running:,}"
    assert running == newest


def test_the_balance_of_a_day_is_that_at_its_end(signed_in: As, shop: Shop, admin: Api):
    visitor, day = signed_in("admin"), (clock.now() - timedelta(days=100)).date()
    for as_of in (day, day + timedelta(days=130)):
        page = words(visitor.get(f"/members/{shop.lin}/ledger", {"as_of": as_of.isoformat()}))
        end = f"{as_of.isoformat()}T15:59:59Z"  # midnight in Shanghai
        balance = admin.get(f"/members/{shop.lin}/points?as_of={end}").get_json()
        assert f"at the end of {as_of.isoformat()}" in page
        assert f"Can be spent {balance['available']:,} Pending {balance['pending']:,} " in page


@pytest.mark.parametrize("day", ["2026-02-30", "yesterday", "1969-12-31", "9999-12-31", "\x00"])
def test_a_day_that_is_none_is_said_beside_the_field(signed_in: As, shop: Shop, day: str):
    answer = signed_in("admin").get(f"/members/{shop.lin}/ledger", {"as_of": day})
    assert answer.status_code == 422
    assert 'aria-describedby="as-of-wrong"' in answer.text
    assert "Entries" in words(answer)


def test_one_kind_of_entry_can_be_read_alone(signed_in: As, shop: Shop):
    visitor = signed_in("admin")
    page = visitor.get(f"/members/{shop.lin}/ledger", {"kind": "redeem"})
    assert page.text.count('<tr id="entry-') == 1
    assert "Redeemed (1)" in words(page)
    assert "No entries of this kind." in words(
        visitor.get(f"/members/{shop.lin}/ledger", {"kind": "merge"})
    )
    assert visitor.get(f"/members/{shop.lin}/ledger", {"kind": "theft"}).status_code == 422


def test_the_whole_ledger_is_paged(signed_in: As, shop: Shop, admin: Api):
    for number in range(55):
        body = {"member": {"id": shop.lin}, "activity": "check_in", "source_key": f"day-{number}"}
        assert admin.post("/points/awards", body | {"points": 1}).status_code == 201
    visitor = signed_in("admin")
    first = visitor.get(f"/members/{shop.lin}/ledger")
    assert first.text.count('<tr id="entry-') == 50
    path = re.search(r'href="/console(/members/[^"]*cursor=[^"#]*)', first.text)
    assert path
    second = words(visitor.get(path[1].replace("&amp;", "&")))
    assert "Earned by an order JA-7" in second


def test_the_download_holds_every_entry_and_is_on_record(signed_in: As, shop: Shop, admin: Api):
    visitor = signed_in("manager", "zh-Hans")
    visitor.get(f"/members/{shop.lin}/ledger")
    answer = visitor.post(f"/members/{shop.lin}/ledger.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    known = entries_of(admin, shop.lin)
    assert [(int(row["seq"]), row["kind"], int(row["points"])) for row in rows] == [
        (entry["seq"], entry["kind"], entry["points"]) for entry in known
    ]
    assert {"使用", "评价"} <= {row["what"] for row in rows}
    record = admin.get(f"/audit?object_id={shop.lin}&action=ledger.exported").get_json()["data"]
    assert [entry["actor"]["name"] for entry in record] == ["Chen Rui"]


def test_a_clerk_reads_the_ledger_and_downloads_nothing(signed_in: As, shop: Shop):
    visitor = signed_in("clerk")
    assert "ledger.csv" not in visitor.get(f"/members/{shop.lin}/ledger").text
    assert visitor.post(f"/members/{shop.lin}/ledger.csv").status_code == 403


@pytest.mark.usefixtures("no_database")
def test_what_a_spreadsheet_would_run_is_kept_as_text():
    for evil in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1"):
        assert harmless(evil) == "'" + evil
    assert harmless("review-7") == "review-7"


def test_an_order_page_adds_up_to_the_points_that_it_gave(signed_in: As, shop: Shop, admin: Api):
    visitor = signed_in("admin")
    ledger = visitor.get(f"/members/{shop.lin}/ledger").text
    path = re.search(r'href="/console(/orders/[^"]+)">JA-2<', ledger)
    assert path
    page = words(visitor.get(path[1]))
    order = admin.get("/orders/pos/JA-2").get_json()
    assert f"Why these points {order['earned']['points']:,} " in page
    assert "Refunds" in page
    assert "R-1" in page
    assert "林晓雯" in page
    for share in order["earned"]["breakdown"]:
        assert share["points"] in page
    other = {"kind": "per_order", "points": 9, "name": "Web only"}
    other |= {"conditions": {"channels": ["web"]}, "starts_at": "2020-01-01T00:00:00Z"}
    assert admin.post("/points/rules", other).status_code == 201
    page = words(visitor.get(path[1]))
    assert "1 rule gave nothing Web only The rule is about other channels." in page
    assert visitor.get("/orders/01890000-0000-7000-8000-000000000000").status_code == 404


def test_a_hold_shows_what_it_reserves_and_until_when(signed_in: As, shop: Shop, admin: Api):
    body = {"member": {"id": shop.lin}, "points": 500, "reference": "cart-9"}
    held = admin.post("/points/holds", body)
    assert held.status_code == 201, held.text
    visitor = signed_in("admin")
    page = words(visitor.get(f"/members/{shop.lin}/ledger"))
    assert "until then held for cart-9 500" in page
    assert "Held cart-9" in page
    assert re.search(r"Held \d+ points of the lot of entry \d+ \(JA-\d\)", page)
    assert re.search(r"Pending 416 Held 500 ", page)
    shown = re.search(r"Open lots(.*?)Entries", page)
    assert shown
    in_lots = re.findall(r" [\d,]+ [\d,]+ ([\d,]+|–) \d{4}-", shown[1])
    assert sum(int(one.replace("–", "0")) for one in in_lots) == 500
    capture = f"/points/holds/{held.get_json()['id']}/capture"
    assert admin.post(capture, {"points": 200}).status_code < 300
    page = words(visitor.get(f"/members/{shop.lin}/ledger"))
    assert "Held, now spent cart-9" in page
    assert "until then held" not in page


def test_points_given_back_and_sent_on_lead_to_their_other_side(
    signed_in: As, shop: Shop, admin: Api
):
    spent = next(one for one in entries_of(admin, shop.lin) if one["kind"] == "redeem")
    back = admin.post(f"/points/redemptions/{spent['id']}/reverse", {"points": 100})
    assert back.status_code == 201, back.text
    sent = {"from": {"id": shop.lin}, "to": {"id": shop.evil}, "points": 50, "reason": "a gift"}
    assert admin.post("/points/transfers", sent).status_code == 201
    visitor = signed_in("admin")
    page = visitor.get(f"/members/{shop.lin}/ledger")
    assert f'href="#entry-{spent["seq"]}">of entry {spent["seq"]}<' in page.text
    assert "Given back of entry" in words(page)
    assert re.search(r"Gave 100 points back to the lot of entry \d+", words(page))
    assert f'href="/console/members/{shop.evil}/ledger"' in page.text
    assert "&lt;script&gt;" in page.text
    assert "<script>alert" not in page.text
    other = visitor.get(f"/members/{shop.evil}/ledger")
    assert f'href="/console/members/{shop.lin}/ledger"' in other.text
    assert "Opened a lot of 50 points" in words(other)


def test_an_adjustment_says_its_reason_and_the_note(signed_in: As, shop: Shop, admin: Api):
    body = {"member": {"id": shop.nobody}, "points": 40, "reason_code": "complaint"}
    body |= {"note": "the box was dented", "member_text": "Sorry for the box"}
    assert admin.post("/points/adjustments", body).status_code == 201
    page = words(signed_in("clerk").get(f"/members/{shop.nobody}/ledger"))
    assert "Adjusted: Complaint settled" in page
    assert "Sorry for the box the box was dented" in page

"""Cases of two records of one person change hands, with the stop of marketing, and go back."""

import pytest
from order_bodies import order_body
from test_cases_api import blocks


def merge(admin, kept, gone) -> str:
    answer = admin.post(f"/members/{kept}/merge", {"from": {"id": str(gone)}})
    assert answer.status_code == 201, answer.data
    return answer.get_json()["id"]


def of(admin, member) -> set[str]:
    rows = admin.get("/cases", query_string={"member": str(member)}).get_json()["data"]
    return {row["id"] for row in rows}


@pytest.mark.parametrize("closed_meanwhile", [False, True])
def test_cases_go_with_a_merge_and_come_back(admin, person, complain, closed_meanwhile):
    kept, gone = person(), person()
    admin.put("/orders/web/A1", order_body(gone))
    own = complain(kept)["id"]
    theirs = complain(gone, order={"channel": "web", "order_no": "A1"})["id"]
    seen = admin.post(f"/members/{kept}/merge/preview", {"from": {"id": str(gone)}}).get_json()
    assert seen["moves"]["cases"] == 1
    merge_id = merge(admin, kept, gone)
    assert admin.get(f"/merges/{merge_id}").get_json()["moved"]["cases"] == 1
    assert of(admin, kept) == {own, theirs}
    assert blocks(kept) == sorted([("open_case", own), ("open_case", theirs)])
    assert blocks(gone) == []
    if closed_meanwhile:
        close = {"state": "closed", "reason": "resolved"}
        assert admin.patch(f"/cases/{theirs}", close).status_code == 200
    assert admin.post(f"/merges/{merge_id}/undo").status_code == 200
    assert (of(admin, kept), of(admin, gone)) == ({own}, {theirs})
    assert blocks(kept) == [("open_case", own)]
    assert blocks(gone) == ([] if closed_meanwhile else [("open_case", theirs)])


def test_the_timeline_and_the_profile_tell_of_cases(admin, person, complain, api_with):
    member = person()
    case = complain(member)
    profile = admin.get(f"/members/{member}/profile").get_json()
    assert [one["id"] for one in profile["cases"]] == [case["id"]]
    admin.patch(f"/cases/{case['id']}", {"state": "closed", "reason": "refunded"})
    rows = admin.get(f"/members/{member}/timeline").get_json()["data"]
    told = [(row["data"]["event"], row["data"]["reason"]) for row in rows if row["kind"] == "case"]
    assert told == [("closed", "refunded"), ("opened", None)]
    assert admin.get(f"/members/{member}/profile").get_json()["cases"] == []
    stranger = api_with("members:read")
    assert stranger.get(f"/members/{member}/profile").get_json()["cases"] is None
    kinds = {row["kind"] for row in stranger.get(f"/members/{member}/timeline").get_json()["data"]}
    assert "case" not in kinds

"""Merging from the member page: both records are seen before it, and it can be undone after it."""

import re

from visitor import words


def test_the_other_record_is_found_and_seen_before_it_goes(signed_in, regular, admin):
    other = admin.post("/members", {"phone": "13900000002", "name": "Lin", "tags": ["tea"]})
    other = other.get_json()
    manager = signed_in("manager")
    assert f"/console/members/{regular}/merge" in manager.get(f"/members/{regular}").text
    manager.get(f"/members/{regular}/merge")
    found = manager.post(f"/members/{regular}/merge/find", {"q": "13900000002"})
    assert f"/members/{regular}/merge?with={other['id']}" in found.text
    assert "13900000002" not in re.sub(r'value="[^"]*"', "", found.text)
    page = manager.get(f"/members/{regular}/merge", {"with": other["id"]})
    number = other["member_no"]
    for sentence in (
        "Lives on Goes into it",
        f"Merge {number[:4]} {number[4:8]} {number[8:]} into",
        "2 phones, addresses and numbers will find this member",
        "Tags are added: tea",
        "What is missing here is filled in: name",
    ):
        assert sentence in words(page), sentence
    assert f"/members/{other['id']}/merge?with={regular}" in page.text


def test_a_merge_is_done_once_and_undone_from_the_members_page(signed_in, regular, admin):
    other = admin.post("/members", {"phone": "13900000002"}).get_json()["id"]
    manager = signed_in("manager")
    manager.get(f"/members/{regular}/merge", {"with": other})
    for _ in range(2):
        answer = manager.post(f"/members/{regular}/merge", {"from": other})
        assert answer.status_code == 303
    page = manager.get(answer.headers["Location"].removeprefix("/console"))
    assert "Merged. It can be undone for thirty days" in words(page)
    assert "Another record was merged into this one" in words(page)
    (undo,) = re.findall(r"/console(/merges/[0-9a-f-]+/undo)", page.text)
    away = manager.get(f"/members/{other}")
    assert (away.status_code, away.headers["Location"]) == (302, f"/console/members/{regular}")
    back = manager.post(undo)
    assert back.status_code == 303
    assert "Undone: both records are there again." in words(
        manager.get(back.headers["Location"].removeprefix("/console"))
    )
    assert manager.get(f"/members/{other}").status_code == 200


def test_a_refused_merge_says_why_in_the_readers_language(signed_in, regular):
    manager = signed_in("manager", "zh-Hans")
    page = manager.get(f"/members/{regular}/merge", {"with": regular})
    assert page.status_code == 422
    assert "会员不能与自己合并" in words(page)


def test_a_tier_that_came_by_a_merge_is_told(signed_in, regular, admin):
    other = admin.post("/members", {"phone": "13900000002"}).get_json()["id"]
    admin.put(f"/members/{other}/tier", {"code": "gold", "reason": "press"})
    admin.post(f"/members/{regular}/merge", {"from": {"id": other}})
    page = words(signed_in("admin", "zh-Hant").get(f"/members/{regular}"))
    assert "合併或拆分了兩份資料" in page


def test_clerks_are_not_shown_the_way_and_not_let_in(signed_in, regular):
    clerk = signed_in("clerk")
    assert "/merge" not in clerk.get(f"/members/{regular}").text
    assert clerk.get(f"/members/{regular}/merge").status_code == 403
    assert clerk.post(f"/members/{regular}/merge", {"from": regular}).status_code == 403


def test_a_merge_without_the_pages_token_is_turned_away(signed_in, regular, admin):
    other = admin.post("/members", {"phone": "13900000002"}).get_json()["id"]
    manager = signed_in("manager")
    form = {"from": other, "csrf_token": "forged"}
    assert manager.post(f"/members/{regular}/merge", form).status_code == 400
    assert admin.get(f"/members/{other}").status_code == 200

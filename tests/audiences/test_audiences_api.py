"""Audiences over HTTP: kept in versions, counted, previewed, referred to, uploaded."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from crm.db import db, transaction

VIP = {"field": "tags", "op": "has", "value": "vip"}
EMAIL = {"field": "consent.email.marketing", "op": "eq", "value": True}
EVERYBODY = {"all": []}


@pytest.fixture
def shop(admin) -> dict[str, str]:
    """Four members: tagged, with addresses, with consent, and one with nothing."""
    consents = [{"channel": "email", "purpose": "marketing", "granted": True}]
    bodies = {
        "lin": {"name": "林晓雯", "phone": "+8613812344471", "email": "lin@example.com",
                "tags": ["vip"], "consents": consents},
        "ada": {"name": "Ada", "email": "ada@example.com", "tags": ["vip"]},
        "bob": {"name": "Bob", "phone": "+8613912340000", "consents": consents},
        "eve": {},
    }  # fmt: skip
    return {name: admin.post("/members", body).json["id"] for name, body in bodies.items()}


def make(admin, name: str, given=None, **more) -> dict:
    """A saved audience."""
    body = {"name": name, "filter": given or VIP} | more
    if body.get("kind") == "list":
        del body["filter"]
    answer = admin.post("/audiences", body)
    assert answer.status_code == 201, answer.json
    return answer.json


def preview(admin, given, **more) -> dict:
    """What a filter comes to."""
    answer = admin.post("/audiences/preview", {"filter": given} | more)
    assert answer.status_code == 200, answer.json
    return answer.json


def test_an_audience_is_made_counted_read_and_listed(admin, shop):
    made = make(admin, "VIPs")
    assert (made["kind"], made["version"], made["members"]) == ("filter", 1, 2)
    assert admin.get(f"/audiences/{made['id']}").json == made
    assert admin.get("/audiences").json["data"] == [made]
    assert make(admin, "Later")["id"] == admin.get("/audiences?limit=1").json["data"][0]["id"]


def test_a_change_makes_a_version_and_one_of_nothing_makes_none(admin, shop):
    made = make(admin, "VIPs")
    path = f"/audiences/{made['id']}"
    changed = admin.put(path, {"filter": EVERYBODY, "version": 1}).json
    assert (changed["version"], changed["members"]) == (2, 4)
    assert admin.put(path, {"filter": EVERYBODY, "name": "VIPs"}).json["version"] == 2
    late = admin.put(path, {"filter": VIP, "version": 1})
    assert (late.status_code, late.json["code"], late.json["version"]) == (
        409, "audience_changed", 2,
    )  # fmt: skip


def test_names_are_taken_until_an_audience_is_archived(admin):
    made = make(admin, "VIPs")
    again = admin.post("/audiences", {"name": "VIPs", "filter": VIP})
    assert (again.status_code, again.json["code"]) == (409, "audience_name_taken")
    assert admin.put(f"/audiences/{made['id']}", {"archived": True}).json["archived_at"]
    other = make(admin, "VIPs")
    listed = admin.get("/audiences").json["data"]
    assert [row["id"] for row in listed] == [other["id"]]
    assert len(admin.get("/audiences?archived=true").json["data"]) == 2
    back = admin.put(f"/audiences/{made['id']}", {"archived": False})
    assert (back.status_code, back.json["code"]) == (409, "audience_name_taken")


def test_what_cannot_be_read_is_refused_by_its_place_and_saves_nothing(admin):
    bad = {"all": [VIP, {"any": [{"field": "rfm.segment", "op": "in", "value": ["gone"]}]}]}
    for answer in (
        admin.post("/audiences", {"name": "bad", "filter": bad}),
        admin.post("/audiences/preview", {"filter": bad}),
    ):
        assert answer.status_code == 422
        assert [(one["pointer"], one["code"]) for one in answer.json["errors"]] == [
            ("/filter/all/1/any/0/value/0", "unknown_choice")
        ]
    assert admin.get("/audiences").json["data"] == []


def test_a_thousand_nested_groups_are_refused_with_the_place(admin):
    body = '{"filter": ' + '{"not": ' * 1_000 + '{"all": []}' + "}" * 1_000 + "}"
    answer = admin.post("/audiences/preview", body)
    assert answer.status_code in (400, 422)
    assert answer.json["errors"][0]["pointer"].startswith("/filter/not/not/not")


def test_a_preview_counts_samples_and_says_whom_each_channel_reaches(admin, shop):
    found = preview(admin, EVERYBODY)
    assert found["count"] == 4
    assert len(found["sample"]) == 4
    lin = next(row for row in found["sample"] if row["id"] == shop["lin"])
    assert lin["name"] == "林••"
    assert "1234" not in lin["phone"]
    assert "lin@" not in lin["email"]
    email = next(row for row in found["reach"] if row["channel"] == "email")
    assert email == {"channel": "email", "members": 4, "reach": 1, "no_consent": 2,
                     "no_address": 1, "suppressed": 0, "blocked": 0}  # fmt: skip
    for row in found["reach"]:
        parts = ("reach", "no_consent", "no_address", "suppressed", "blocked")
        assert sum(row[part] for part in parts) == row["members"] == 4


def test_stopped_addresses_and_open_complaints_are_not_reached(admin, shop, now):
    with transaction():
        db.session.execute(text("""
            INSERT INTO suppression (channel, address_key, scope, reason, at)
            VALUES ('email', message_address_key('email', 'lin@example.com'), 'all', 'x', :now)
        """), {"now": now})  # fmt: skip
    email = next(row for row in preview(admin, VIP)["reach"] if row["channel"] == "email")
    assert (email["reach"], email["suppressed"], email["no_consent"]) == (0, 1, 1)
    with transaction():
        db.session.execute(text("DELETE FROM suppression"))
        db.session.execute(text("""
            INSERT INTO message_block (member_id, reason, ref, since)
            VALUES (:member, 'open_case', '1', :now)
        """), {"member": shop["lin"], "now": now})  # fmt: skip
    email = next(row for row in preview(admin, VIP)["reach"] if row["channel"] == "email")
    assert (email["reach"], email["blocked"]) == (0, 1)


def test_a_preview_says_how_much_other_audiences_share(admin, shop):
    vips, mailed = make(admin, "VIPs"), make(admin, "Mail", EMAIL)
    found = preview(admin, VIP, overlap=[mailed["id"], vips["id"]], sample=0, reach=False)
    assert found["overlap"] == [
        {"audience": mailed["id"], "members": 2, "shared": 1},
        {"audience": vips["id"], "members": 2, "shared": 2},
    ]
    assert (found["sample"], found["reach"]) == ([], [])


def test_an_audience_in_an_audience_follows_its_changes(admin, shop):
    inner = make(admin, "VIPs")
    outer = {"all": [{"field": "audience", "op": "eq", "value": inner["id"]}, EMAIL]}
    assert preview(admin, outer)["count"] == 1
    admin.put(f"/audiences/{inner['id']}", {"filter": {"not": VIP}})
    members = admin.get(f"/audiences/{make(admin, 'Outer', outer)['id']}/members").json["data"]
    assert [row["id"] for row in members] == [shop["bob"]]


def test_circles_of_audiences_are_refused(admin):
    first = make(admin, "First")
    refer = {"field": "audience", "op": "in", "value": [first["id"]]}
    second = make(admin, "Second", {"not": refer})
    for given in (refer, {"field": "audience", "op": "eq", "value": second["id"]}):
        answer = admin.put(f"/audiences/{first['id']}", {"filter": {"any": [VIP, given]}})
        assert (answer.status_code, answer.json["code"]) == (422, "audience_cycle")
    assert admin.get(f"/audiences/{first['id']}").json["filter"] == VIP


def test_an_unknown_audience_is_refused(admin):
    gone = {"field": "audience", "op": "eq", "value": "00000000-0000-7000-8000-000000000001"}
    assert admin.post("/audiences/preview", {"filter": gone}).status_code == 404
    assert admin.get("/audiences/00000000-0000-7000-8000-000000000001").status_code == 404
    assert admin.post("/audiences", {"name": "x", "filter": gone}).status_code == 404


def test_members_are_listed_page_by_page(admin, shop):
    path = f"/audiences/{make(admin, 'All', EVERYBODY)['id']}/members"
    first = admin.get(f"{path}?limit=3").json
    rest = admin.get(f"{path}?limit=3&cursor={first['next_cursor']}").json
    ids = [row["id"] for row in first["data"] + rest["data"]]
    assert ids == sorted(shop.values())
    assert rest["next_cursor"] is None


def test_the_catalogue_says_what_filters_can_name(admin, shop):
    fields = {row["field"]: row for row in admin.get("/audiences/fields").json["data"]}
    assert {"rfm.segment", "consent.email.marketing", "tags", "points.expiring"} <= set(fields)
    assert [choice["value"] for choice in fields["tags"]["choices"]] == ["vip"]
    assert fields["points.expiring"]["window"] == "required"
    said = admin.get("/audiences/fields", headers={"Accept-Language": "zh-TW"}).json["data"]
    assert next(row["label"] for row in said if row["field"] == "points.available") == "可用點數"


def test_launched_campaigns_are_the_choices_of_their_fields(admin, now):
    with transaction():
        db.session.execute(text("""
            INSERT INTO campaign (id, name, state, exclude, holdout_percent, schedule,
                attribution_days, created_at, changed_at, created_by, launched_at)
            VALUES (uuidv7(), 'Spring', 'done', '{}', 10, '{}', 14, :now, :now, 'tests', :now),
                   (uuidv7(), 'Idea', 'draft', '{}', 10, '{}', 14, :now, :now, 'tests', NULL)
        """), {"now": now})  # fmt: skip
    fields = {row["field"]: row for row in admin.get("/audiences/fields").json["data"]}
    for name in ("campaign.planned", "campaign.sent", "campaign.holdout", "campaign.clicked"):
        assert [choice["label"] for choice in fields[name]["choices"]] == ["Spring"]


def test_a_list_takes_members_by_whatever_names_them_and_reports_the_rest(admin, shop):
    made = make(admin, "Guests", kind="list")
    number = admin.get(f"/members/{shop['eve']}").json["member_no"]
    lines = [shop["lin"], "ada@EXAMPLE.com", "139 1234 0000", number, "", "x@y.example", "Mr. X"]
    path = f"/audiences/{made['id']}/members"
    found = admin.post(path, {"members": lines}).json
    assert (found["lines"], found["found"], found["added"], found["members"]) == (7, 4, 4, 4)
    assert [(row["line"], row["code"]) for row in found["unknown_lines"]] == [
        (5, "not_understood"), (6, "unknown_member"), (7, "not_understood"),
    ]  # fmt: skip
    assert "y.example" not in str(found["unknown_lines"])
    again = admin.post(path, {"members": lines}).json
    assert (again["added"], again["members"]) == (0, 4)
    less = admin.post(path, {"members": [number], "mode": "remove"}).json
    assert (less["removed"], less["members"]) == (1, 3)
    only = admin.post(path, {"members": [shop["bob"]], "mode": "replace"}).json
    assert (only["removed"], only["members"]) == (2, 1)
    assert admin.get(f"/audiences/{made['id']}").json["members"] == 1


def test_a_list_takes_a_file_whose_heading_says_what_is_what(admin, shop):
    path = f"/audiences/{make(admin, 'Guests', kind='list')['id']}/members"
    file = "name,Phone,E-mail\nLin,+86 138 1234 4471,\n\nAda,,ada@example.com\nEve,,\n"
    found = admin.post(path, {"csv": file}).json
    assert (found["lines"], found["added"], found["members"]) == (3, 2, 2)
    assert [(row["line"], row["code"]) for row in found["unknown_lines"]] == [(5, "not_understood")]
    for wrong in ({}, {"csv": file, "members": []}):
        answer = admin.post(path, wrong)
        assert answer.json["errors"][0]["code"] == "members_or_csv"
    many = admin.post(path, {"csv": "x\n" * 100_001})
    assert (many.status_code, many.json["code"]) == (422, "too_many_lines")


def test_lists_have_no_filter_and_filters_take_no_members(admin, shop):
    a_list, a_filter = make(admin, "Guests", kind="list"), make(admin, "VIPs")
    wrong = admin.put(f"/audiences/{a_list['id']}", {"filter": VIP})
    assert (wrong.status_code, wrong.json["code"]) == (409, "audience_not_a_filter")
    wrong = admin.post(f"/audiences/{a_filter['id']}/members", {"members": [shop["lin"]]})
    assert (wrong.status_code, wrong.json["code"]) == (409, "audience_not_a_list")
    both = admin.post("/audiences", {"name": "x", "kind": "list", "filter": VIP})
    assert both.json["errors"][0]["pointer"] == "/filter"
    neither = admin.post("/audiences", {"name": "x"})
    assert neither.json["errors"][0] | {"detail": ""} == {
        "pointer": "/filter", "code": "required", "detail": "",
    }  # fmt: skip


def test_an_erased_member_leaves_every_audience(admin, shop):
    made = make(admin, "Guests", kind="list")
    path = f"/audiences/{made['id']}/members"
    admin.post(path, {"members": list(shop.values())})
    with transaction():
        db.session.execute(
            text("UPDATE member SET status = 'erased' WHERE id = :id"), {"id": shop["lin"]}
        )
    assert shop["lin"] not in [row["id"] for row in admin.get(path).json["data"]]
    assert preview(admin, VIP)["count"] == 1


def test_every_write_is_in_the_audit_trail(admin, shop):
    made = make(admin, "Guests", kind="list")
    admin.post(f"/audiences/{made['id']}/members", {"members": [shop["lin"]]})
    admin.put(f"/audiences/{made['id']}", {"name": "Friends"})
    found = db.session.execute(
        text("SELECT action FROM audit_entry WHERE object_id = :id ORDER BY id"),
        {"id": made["id"]},
    )
    assert list(found.scalars()) == ["audience.created", "audience.uploaded", "audience.changed"]


def test_reading_needs_one_permission_and_writing_another(api_with):
    reader = api_with("audiences:read")
    assert reader.get("/audiences").status_code == 200
    assert reader.post("/audiences/preview", {"filter": EVERYBODY}).status_code == 200
    assert reader.post("/audiences", {"name": "x", "filter": VIP}).status_code == 403
    assert api_with("members:read").get("/audiences").status_code == 403


def test_a_window_counts_local_days_with_today(admin, shop, now):
    member = {"id": shop["lin"]}
    paid = (now - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = {"line_no": 1, "sku": "A-1", "name": "Tea", "category": "tea", "quantity": 1,
            "unit_price": 5_000}  # fmt: skip
    body = {"member": member, "status": "paid", "placed_at": paid, "paid_at": paid,
            "updated_at": paid, "currency": "CNY", "lines": [line]}  # fmt: skip
    with transaction():
        db.session.execute(text("INSERT INTO sandbox_clock (now) VALUES (:now)"), {"now": now})
    assert admin.put("/orders/web/1", body).status_code < 300
    wanted = {"field": "orders.category", "op": "has", "value": "tea"}
    assert preview(admin, wanted | {"within_days": 30})["count"] == 1
    assert preview(admin, wanted | {"within_days": 29})["count"] == 0
    spend = {"field": "orders.spend", "op": "ge", "value": 5_000}
    assert preview(admin, spend | {"within_days": 30})["count"] == 1
    assert preview(admin, spend)["count"] == 1

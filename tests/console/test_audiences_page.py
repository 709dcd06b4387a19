"""Audiences are built, counted, saved, compared and uploaded on pages that need no script."""

import io
from collections.abc import Callable

import pytest
from api_client import Api
from filling import filled_in
from shop import Shop
from visitor import Visitor, words
from werkzeug.datastructures import MultiDict

from crm.console import audience_form
from crm.segments.audiences import parsing

As = Callable[..., Visitor]
FILTERS = [
    {"all": []},
    {"all": [{"field": "tags", "op": "in", "value": ["a", "b"]}]},
    {"any": [{"field": "rfm.monetary", "op": "between", "value": [1_050, 99_900]},
             {"not": {"any": [{"field": "consent.sms.marketing", "op": "eq", "value": False}]}}]},
    {"not": {"all": [{"field": "orders.sku", "op": "has", "value": "A", "within_days": 0},
                     {"field": "member.joined_at", "op": "after", "value": "2026-01-31"}]}},
    {"all": [{"field": "member.attributes.shoe size", "op": "ge", "value": 38.5},
             {"field": "rfm.recency_percentile", "op": "ge", "value": 0.8},
             {"field": "member.birthday", "op": "within_days", "value": 7},
             {"field": "coupon.usable", "op": "exists", "value": False}]},
]  # fmt: skip


def fields_of(root: audience_form.Part) -> MultiDict:
    """A tree as the browser sends it."""
    found: list[tuple[str, str]] = []
    for part in root.walk():
        found.append(("node", part.path))
        if part.how:
            found.append((f"how:{part.path}", part.how))
            continue
        found += [(f"{name}:{part.path}", getattr(part, name)) for name in ("field", "rest", "op")]
        found += [(f"value:{part.path}", text) for text in part.values]
        found.append((f"days:{part.path}", part.days))
    return MultiDict(found)


@pytest.mark.parametrize("given", FILTERS)
def test_a_filter_comes_through_the_form_as_it_was(given, context):
    root = audience_form.of_document(given, "CNY")
    again = audience_form.document(audience_form.read(fields_of(root)), "CNY")
    assert again == given
    assert parsing.read(again) == parsing.read(given)


def test_buttons_add_conditions_and_groups_and_take_them_away(context):
    root = audience_form.act(audience_form.Part("0", how="all"), "add:0")
    root = audience_form.act(root, "group:0")
    assert [part.path for part in root.walk()] == ["0", "0.0", "0.1", "0.1.0"]
    root = audience_form.act(root, "remove:0.0")
    assert [(part.path, part.how) for part in root.walk()] == [
        ("0", "all"), ("0.0", "any"), ("0.0.0", ""),
    ]  # fmt: skip


def test_an_audience_is_built_by_buttons_and_saved(signed_in: As, shop: Shop, admin: Api):
    page = signed_in("marketer")
    form = filled_in(page.get("/audiences/new").text, "/audiences/new")
    form["field:0.0"] = "tags"
    form["act"] = "add:0"
    form = filled_in(page.post("/audiences/draft", form).text, "/audiences/new")
    assert form["op:0.0"] == "has"
    form["value:0.0"] = "礼盒客"
    form["name"] = "Gift buyers"
    form["act"] = "remove:0.1"
    form = filled_in(page.post("/audiences/draft", form).text, "/audiences/new")
    assert words(page.post("/audiences/count", form)).split()[0] == "1"
    saved = page.post("/audiences/new", form)
    assert saved.status_code == 303
    found = admin.get("/audiences").json["data"][0]
    assert found["filter"] == {"all": [{"field": "tags", "op": "has", "value": "礼盒客"}]}
    assert found["members"] == 1
    shown = words(page.get(saved.location.removeprefix("/console")))
    assert "Gift buyers" in shown
    assert "Members now 1" in shown
    assert "林••" in shown
    assert "林晓雯" not in shown


def test_a_shop_without_audiences_is_told_what_they_are(signed_in: As):
    assert "No audiences yet" in words(signed_in("analyst").get("/audiences"))


def test_mistakes_stand_beside_their_condition_and_nothing_is_saved(signed_in: As, admin: Api):
    page = signed_in("marketer")
    form = filled_in(page.get("/audiences/new").text, "/audiences/new")
    for name, text in (("field", "points.available"), ("op", "ge"), ("value", "many")):
        form[f"{name}:0.0"] = text
    form["name"] = "x"
    answer = page.post("/audiences/new", form)
    assert answer.status_code == 422
    assert "This must be a whole number." in words(answer)
    assert "whole number" in words(page.post("/audiences/count", form))
    assert admin.get("/audiences").json["data"] == []


def test_a_change_from_an_older_page_is_refused(signed_in: As, admin: Api):
    page = signed_in("marketer")
    everybody = {"all": []}
    made = admin.post("/audiences", {"name": "All", "filter": everybody}).json["id"]
    form = filled_in(page.get(f"/audiences/{made}/edit").text, f"/audiences/{made}/edit")
    admin.put(f"/audiences/{made}", {"name": "Everybody"})
    answer = page.post(f"/audiences/{made}/edit", form)
    assert answer.status_code == 409
    assert "changed meanwhile" in words(answer)
    form["version"] = "2"
    assert page.post(f"/audiences/{made}/edit", form).status_code == 303


def test_a_name_that_is_taken_is_told_beside_the_name(signed_in: As, admin: Api):
    for name in ("Ours", "Theirs"):
        made = admin.post("/audiences", {"name": name, "kind": "list"}).get_json()["id"]
    page, path = signed_in("marketer"), f"/audiences/{made}/edit"
    page.get(path)
    answer = page.post(path, {"name": "Ours", "list": "1"})
    assert answer.status_code == 409
    assert 'id="name-wrong"' in answer.text


@pytest.mark.parametrize("version", ["²", "9" * 5000])
def test_a_version_that_is_no_number_stops_no_page(signed_in: As, admin: Api, version: str):
    made = admin.post("/audiences", {"name": "Ours", "kind": "list"}).get_json()["id"]
    page, path = signed_in("marketer"), f"/audiences/{made}/edit"
    page.get(path)
    answer = page.post(path, {"name": "Yours", "list": "1", "version": version})
    assert answer.status_code in (303, 409, 422)


def test_a_list_is_made_and_members_are_uploaded_to_it(signed_in: As, shop: Shop, admin: Api):
    page = signed_in("marketer")
    form = filled_in(page.get("/audiences/new").text, "/audiences/new")
    form["name"], form["list"] = "Guests", "1"
    made = page.post("/audiences/new", form)
    path = made.location.removeprefix("/console").partition("?")[0]
    page.get(path)
    file = (io.BytesIO("\ufeffname;phone\nLin;13812344471\nX;000\n".encode()), "guests.csv")
    answer = page.post(f"{path}/members", {"mode": "add", "file": [file]})
    assert "Lines: 2. Members found: 1; added: 1, taken off: 0." in words(answer)
    assert "3 000•••• neither a member number" in words(answer)
    answer = page.post(f"{path}/members", {"mode": "remove", "lines": "+86 138 1234 4471"})
    assert "added: 0, taken off: 1." in words(answer)
    wrong = (io.BytesIO(b"\xff\xfe\x00bad"), "guests.csv")
    refused = page.post(f"{path}/members", {"mode": "add", "file": [wrong]})
    assert refused.status_code == 422
    assert 'id="file-wrong"' in refused.text


def test_an_audience_is_archived_and_used_again(signed_in: As, admin: Api):
    page = signed_in("marketer")
    made = admin.post("/audiences", {"name": "All", "filter": {"all": []}}).json["id"]
    page.get(f"/audiences/{made}")
    assert page.post(f"/audiences/{made}/archive").status_code == 303
    assert "All" not in words(page.get("/audiences")).partition("Audience Kind")[2]
    assert "archived" in words(page.get("/audiences?state=all"))
    page.post(f"/audiences/{made}/archive", {"back": "1"})
    assert admin.get(f"/audiences/{made}").json["archived_at"] is None


def test_other_audiences_are_compared_on_the_page(signed_in: As, shop: Shop, admin: Api):
    page = signed_in("analyst")
    everybody, few = (
        admin.post("/audiences", {"name": name, "filter": given}).json["id"]
        for name, given in (
            ("Everybody", {"all": []}),
            ("Few", {"field": "tags", "op": "has", "value": "礼盒客"}),
        )
    )
    shown = words(page.get(f"/audiences/{few}"))
    assert "In other audiences too" in shown
    assert "Everybody 3 members 1 100%" in shown
    assert "Change the filter" not in shown, "an analyst reads only"
    assert page.get("/audiences/new").status_code == 403
    assert everybody in page.get(f"/audiences/{few}").text


def test_clerks_have_no_audiences(signed_in: As):
    assert signed_in("clerk").get("/audiences").status_code == 403


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant"])
def test_the_builder_speaks_chinese(signed_in: As, language: str):
    page = words(signed_in("marketer", language).get("/audiences/new"))
    assert {"zh-Hans": "加条件", "zh-Hant": "加條件"}[language] in page

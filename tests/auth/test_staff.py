"""Staff accounts over the API: made, changed, disabled, never mightier than their maker."""

from collections.abc import Callable
from datetime import datetime

import pytest
from api_client import Api
from sqlalchemy import select, text

from crm.auth import sessions, staff
from crm.auth.models import Staff
from crm.db import db, transaction

PASSWORD = "correct horse battery"


def created(admin: Api, **body) -> dict:
    given = {"email": "Mei@Shop.example", "name": "陈佳宁", "role": "clerk", "password": PASSWORD}
    answer = admin.post("/staff", given | body)
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def test_an_account_is_made_and_its_password_never_shown(admin: Api):
    account = created(admin)
    assert account["email"] == "mei@shop.example"
    assert account["password"] is None
    kept = db.session.scalars(select(Staff)).one()
    assert kept.password_hash.startswith("$argon2id$")
    listed = admin.get("/staff").get_json()["data"][0]
    assert {"password", "password_hash"}.isdisjoint(listed)


def test_a_generated_password_is_shown_once_and_works(admin: Api, context: None, now: datetime):
    account = admin.post(
        "/staff", {"email": "lin@shop.example", "name": "林若兰", "role": "manager"}
    ).get_json()
    with transaction():
        found = staff.sign_in("LIN@shop.example ", account["password"], "127.0.0.1", now)
    assert str(found.id) == account["id"]


def test_two_accounts_never_share_an_address(admin: Api):
    created(admin)
    other = created(admin, email="other@shop.example")
    answer = admin.post(
        "/staff",
        {"email": "MEI@shop.example", "name": "M", "role": "clerk", "password": PASSWORD},
    )
    assert (answer.status_code, answer.get_json()["code"]) == (409, "email_taken")
    answer = admin.patch(f"/staff/{other['id']}", {"email": "mei@shop.example"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "email_taken")
    assert answer.get_json()["errors"][0]["pointer"] == "/email"


def test_a_change_touches_only_what_it_names(admin: Api):
    account = created(admin, locale="zh-Hans")
    answer = admin.patch(f"/staff/{account['id']}", {"role": "manager"})
    assert answer.status_code == 200
    changed = {name for name, value in answer.get_json().items() if value != account[name]}
    assert changed == {"role"}
    assert admin.patch(f"/staff/{account['id']}", {}).get_json()["role"] == "manager"


@pytest.mark.parametrize(
    "changes", [{"active": False}, {"password": "another long one"}], ids=["disabled", "password"]
)
def test_disabling_and_a_new_password_end_the_sessions(
    admin: Api, context: None, now: datetime, changes: dict
):
    account = created(admin)
    with transaction():
        who = staff.sign_in("mei@shop.example", PASSWORD, "127.0.0.1", now)
        token = sessions.open(who, now, "Firefox")
    assert sessions.find(token, now) is not None
    assert admin.patch(f"/staff/{account['id']}", changes).status_code == 200
    assert sessions.find(token, now) is None


def test_a_new_role_counts_from_the_next_request(admin: Api, context: None, now: datetime):
    account = created(admin)
    with transaction():
        who = staff.sign_in("mei@shop.example", PASSWORD, "127.0.0.1", now)
        token = sessions.open(who, now, "Firefox")
    admin.patch(f"/staff/{account['id']}", {"role": "analyst", "name": "Mei"})
    found = sessions.find(token, now)
    assert found is not None
    assert (found.role, found.name) == ("analyst", "Mei")
    assert not found.may("members:write")


def test_nobody_makes_an_account_mightier_than_themselves(admin: Api, api_with: Callable[..., Api]):
    boss = created(admin, role="admin")
    api = api_with("staff:manage")
    body = {"email": "x@shop.example", "name": "X", "role": "clerk"}
    assert api.post("/staff", body).get_json()["code"] == "scope_not_held"
    taking_over = api.patch(f"/staff/{boss['id']}", {"password": "now it is mine"})
    assert taking_over.get_json()["code"] == "scope_not_held"


def test_the_last_administrator_stays(admin: Api):
    boss = created(admin, role="admin")
    for changes in ({"active": False}, {"role": "clerk"}):
        answer = admin.patch(f"/staff/{boss['id']}", changes)
        assert (answer.status_code, answer.get_json()["code"]) == (409, "last_admin")
    created(admin, role="admin", email="second@shop.example")
    assert admin.patch(f"/staff/{boss['id']}", {"active": False}).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": "é@shop.example"}, "/email"),
        ({"role": "king"}, "/role"),
        ({"locale": "fr"}, "/locale"),
        ({"password": "short"}, "/password"),
        ({"password": "mei@shop.example", "email": "mei@shop.example"}, "/password"),
        ({"store": "atlantis"}, "/store"),
        ({"member_id": "00000000-0000-7000-8000-000000000000"}, "/member_id"),
        ({"active": False}, "/active"),
        ({"password_hash": "x"}, "/password_hash"),
        ({"name": "a\0b"}, "/name"),
    ],
)
def test_a_bad_field_of_an_account_is_named(admin: Api, body: dict, pointer: str):
    given = {"email": "a@shop.example", "name": "A", "role": "clerk", "password": PASSWORD}
    answer = admin.post("/staff", given | body)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == pointer


def test_an_unknown_account_is_404(admin: Api):
    answer = admin.patch("/staff/00000000-0000-7000-8000-000000000000", {"name": "X"})
    assert (answer.status_code, answer.get_json()["code"]) == (404, "staff_not_found")


def test_the_audit_trail_tells_what_changed_and_no_password(admin: Api):
    account = created(admin)
    admin.patch(f"/staff/{account['id']}", {"role": "manager", "password": "another long one"})
    admin.patch(f"/staff/{account['id']}", {"role": "manager"})  # changes nothing, says nothing
    query = {"object_type": "staff", "object_id": account["id"]}
    update, create = admin.get("/audit", query_string=query).get_json()["data"]
    assert (update["action"], create["action"]) == ("staff.update", "staff.create")
    assert update["before"] == {"role": "clerk"}
    assert update["after"] == {"role": "manager", "password": "changed"}
    everything = db.session.scalar(text("SELECT string_agg(a::text, '') FROM audit_entry a"))
    assert PASSWORD not in everything
    assert "another long one" not in everything
    assert "argon2" not in everything


def test_the_audit_trail_is_filtered_and_paged(admin: Api):
    ids = [created(admin, email=f"{n}@shop.example")["id"] for n in range(3)]
    first = admin.get("/audit", query_string={"action": "staff.create", "limit": 2}).get_json()
    query = {"action": "staff.create", "limit": 2, "cursor": first["next_cursor"]}
    second = admin.get("/audit", query_string=query).get_json()
    seen = [act["object_id"] for act in first["data"] + second["data"]]
    assert seen == ids[::-1]
    assert second["next_cursor"] is None
    nobody = admin.get("/audit", query_string={"actor": "nobody"}).get_json()
    assert nobody == {"data": [], "next_cursor": None}
    assert admin.get("/audit", query_string={"owner": "x"}).status_code == 422

"""The ledger's promises in plain words; background work; API keys."""

import re
from collections.abc import Callable

from api_client import Api
from shop import Shop
from sqlalchemy import text
from visitor import Visitor, words

from crm.console import background, developers, ledger_words, trust
from crm.db import db
from crm.http.permissions import PERMISSIONS
from crm.points import check
from crm.queue import JOBS

As = Callable[..., Visitor]


def test_every_promise_job_permission_and_kind_of_entry_has_its_words(context: None):
    assert set(trust.PROMISES) == set(check.INVARIANTS)
    assert set(JOBS) <= set(background.JOB_NAMES)
    assert set(developers.PERMISSION_NAMES) == set(PERMISSIONS)
    definition = db.session.scalar(
        text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name"),
        {"name": "ck_points_entry_kind"},
    )
    assert set(re.findall(r"'(\w+)'::text", definition or "")) <= set(ledger_words.KINDS)


def test_a_sound_ledger_is_said_to_add_up(signed_in: As, shop: Shop):
    visitor = signed_in("manager")
    assert "Every entry is being checked" in words(visitor.get("/trust"))
    page = words(visitor.get("/trust/ledger"))
    assert "Everything adds up" in page
    assert all(str(promise) in page for promise in trust.PROMISES.values())
    fragment = visitor.get("/trust/ledger", **{"HX-Request": "true"})
    assert "<html" not in fragment.text


def test_a_breach_names_the_member(signed_in: As, shop: Shop):
    db.session.execute(
        text("UPDATE points_account SET balance = balance + 1 WHERE member_id = :id"),
        {"id": shop.lin},
    )
    db.session.commit()
    page = signed_in("manager").get("/trust/ledger")
    assert "breaches found" in words(page)
    assert f'href="/console/members/{shop.lin}"' in page.text


def test_failed_work_stands_first_with_its_error(signed_in: As):
    db.session.execute(
        text("""
            INSERT INTO task (id, job, queue, key, args, due_at, state, error)
            VALUES (gen_random_uuid(), 'points.expire', 'default', 'k', '[]', now(), 'failed',
                    'it <broke>')
        """)
    )
    db.session.commit()
    page = signed_in("manager").get("/tasks")
    rows = page.text.split("<tbody>")[1]
    assert rows.index("points.expire") < rows.index("auth.purge")
    assert "it &lt;broke&gt;" in rows


def test_a_new_keys_secret_is_shown_once_and_works(signed_in: As, shop: Shop, client):
    visitor = signed_in("admin")
    form = {"name": "Till <7>", "scopes": ["members:read"]}
    page = visitor.post("/developers/keys", form)
    secret = re.search(r"rgl_live_[\w-]{43}", page.text)
    assert secret
    assert Api(client, secret[0]).get(f"/members/{shop.lin}").status_code == 200
    again = visitor.get("/developers")
    assert secret[0] not in again.text
    assert "Till <7>" in words(again)
    assert "<7>" not in again.text


def test_a_key_is_rolled_and_revoked(signed_in: As, client, admin: Api):
    visitor = signed_in("admin")
    form = {"name": "Shop", "scopes": ["members:read"]}
    first = re.search(r"rgl_live_[\w-]{43}", visitor.post("/developers/keys", form).text)
    assert first
    page = visitor.get("/developers").text
    path = re.search(r'action="/console(/developers/keys/[0-9a-f-]{36})/roll"', page)
    assert path
    second = re.search(r"rgl_live_[\w-]{43}", visitor.post(path[1] + "/roll").text)
    assert second
    assert second[0] != first[0]
    assert visitor.post(path[1] + "/revoke").location == "/console/developers"
    assert Api(client, first[0]).get("/members").status_code == 401
    assert Api(client, second[0]).get("/members").status_code == 200


def test_a_key_needs_a_name_and_a_permission(signed_in: As):
    visitor = signed_in("admin")
    answer = visitor.post("/developers/keys", {"name": " ", "scopes": ["members:read"]})
    assert answer.status_code == 422
    assert "Give the key a name" in words(answer)
    answer = visitor.post("/developers/keys", {"name": "x", "scopes": ["no:such"]})
    assert answer.status_code == 422
    assert "Choose at least one permission." in words(answer)


def test_the_ladder_and_the_rules_are_read_out(signed_in: As):
    page = words(signed_in("clerk").get("/programme"))
    assert "Diamond ¥6,000 spent or 40 orders ¥4,800 spent × 2" in page
    assert "1 point for each ¥1 always" in page
    assert "100 points are worth ¥1, up to 50% of an order." in page
    page = words(signed_in("manager", "zh-Hans").get("/programme"))
    assert "消费 ¥6,000，或40 单" in page.replace("或 40", "或40")

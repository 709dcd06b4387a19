"""The room of approvals: any kind of request, seen, decided, cancelled and lapsed over HTTP."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from api_client import Api
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from crm.auth import approvals, jobs, keys
from crm.auth.approvals import KINDS, Kind
from crm.auth.models import Approval
from crm.db import db, transaction
from crm.errors import Unprocessable
from crm.http.permissions import ROLES
from crm.http.principal import SYSTEM, Principal
from crm.ids import uuid7

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
DECIDING = ("approvals:read", "approvals:decide", "stores:manage")


class NotToday(Unprocessable):
    """A kind's own refusal, for tests."""

    code = "not_today"


@pytest.fixture(autouse=True)
def doors(stand_at) -> Iterator[list[str]]:
    """A kind of request that opens doors; says which were opened, by whom, for whom."""
    stand_at(NOON)
    opened: list[str] = []

    def apply(id: UUID, payload, *, requester: str, by: Principal, now: datetime):
        if payload.get("stuck"):
            raise NotToday()
        opened.append(f"{payload['door']} for {requester} by {by.name}")
        return {"opened": payload["door"]}

    approvals.register(Kind("test.door", "stores:manage", apply, lambda said: said["door"]))
    yield opened
    del KINDS["test.door"]


def person(role: str = "clerk", name: str = "Mei") -> Principal:
    return Principal("staff", uuid7(), name, ROLES[role], role)


def ask(by: Principal | None = None, now: datetime = NOON, **payload: Any) -> Approval:
    with transaction():
        return approvals.request(
            uuid7(), "test.door", {"door": "cellar"} | payload,
            subject=("store", "jingan"), by=by or person(), now=now,
        )  # fmt: skip


@pytest.fixture
def boss(api_with: Callable[..., Api]) -> Api:
    """A key that may decide."""
    return api_with(*DECIDING, name="boss")


def test_a_request_tells_what_it_asks_for_by_whom_and_until_when(boss: Api):
    mei = person()
    row = ask(mei)
    told = boss.get(f"/approvals/{row.id}").get_json()
    assert told == {
        "id": str(row.id), "kind": "test.door", "state": "pending", "summary": "cellar",
        "subject": {"type": "store", "id": "jingan"}, "payload": {"door": "cellar"},
        "requested_by": {"kind": "staff", "id": str(mei.id), "name": "Mei"},
        "requested_at": "2026-11-22T04:00:00Z", "expires_at": "2026-11-29T04:00:00Z",
        "decided_by": None, "decided_at": None, "reason": None, "result": None,
    }  # fmt: skip


def test_an_approval_applies_it_once_and_the_answer_is_replayed(boss: Api, doors):
    row = ask()
    first = boss.post(f"/approvals/{row.id}/approve", {"reason": "of course"}, idem="k")
    assert first.status_code == 200
    told = first.get_json()
    assert (told["state"], told["result"]) == ("approved", {"opened": "cellar"})
    assert told["reason"] == "of course"
    assert (told["decided_by"]["name"], told["decided_at"]) == ("boss", "2026-11-22T04:00:00Z")
    again = boss.post(f"/approvals/{row.id}/approve", {"reason": "of course"}, idem="k")
    assert (again.status_code, again.data) == (200, first.data)
    late = boss.post(f"/approvals/{row.id}/approve")
    problem = late.get_json()
    assert (late.status_code, problem["code"]) == (409, "approval_decided")
    assert (problem["state"], problem["decided_by"]) == ("approved", "boss")
    assert doors == ["cellar for Mei by boss"]


def test_a_denial_says_why_and_applies_nothing(boss: Api, doors):
    row = ask()
    told = boss.post(f"/approvals/{row.id}/deny", {"reason": "it is wet"}).get_json()
    assert (told["state"], told["reason"], told["result"]) == ("denied", "it is wet", None)
    assert boss.post(f"/approvals/{row.id}/deny", {"reason": "x"}).status_code == 409
    assert boss.post(f"/approvals/{row.id}/approve").status_code == 409
    assert doors == []


@pytest.mark.parametrize("body", [{}, {"reason": " "}, {"reason": "x" * 501}, {"reason": 1}])
def test_a_denial_without_a_reason_is_refused(boss: Api, body):
    row = ask()
    answer = boss.post(f"/approvals/{row.id}/deny", body)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/reason")


def test_what_the_kind_refuses_stays_pending(boss: Api, doors):
    row = ask(stuck=True)
    answer = boss.post(f"/approvals/{row.id}/approve")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "not_today")
    assert boss.get(f"/approvals/{row.id}").get_json()["state"] == "pending"
    assert doors == []


def test_nobody_decides_what_he_asked_for_but_may_cancel_it(api_with, doors):
    own = api_with(*DECIDING)
    row = ask(_principal_of(own))
    for verb, body in (("approve", None), ("deny", {"reason": "no"})):
        answer = own.post(f"/approvals/{row.id}/{verb}", body)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "second_person_needed")
    told = own.post(f"/approvals/{row.id}/cancel").get_json()
    assert (told["state"], told["decided_by"]["name"]) == ("cancelled", "tests")
    assert own.post(f"/approvals/{row.id}/cancel").get_json()["code"] == "approval_decided"
    assert doors == []


def test_a_rolled_key_is_the_same_program(api_with, client, doors):
    old = api_with(*DECIDING)
    key_id = _principal_of(old).id
    assert key_id is not None
    with transaction():
        _, secret = keys.roll(key_id, overlap=WEEK, by=SYSTEM, now=NOON)
    new = Api(client, secret)
    for asker, decider in ((old, new), (new, old)):
        row = ask(_principal_of(asker))
        answer = decider.post(f"/approvals/{row.id}/approve")
        assert answer.get_json()["code"] == "second_person_needed"
    other = api_with(*DECIDING)
    assert other.post(f"/approvals/{row.id}/approve").status_code == 200


def test_only_who_asked_cancels(boss: Api):
    row = ask()
    answer = boss.post(f"/approvals/{row.id}/cancel")
    assert (answer.status_code, answer.get_json()["code"]) == (403, "not_the_requester")


def test_who_lacks_the_permission_of_the_kind_decides_nothing(api_with, doors):
    row = ask()
    half = api_with("approvals:read", "approvals:decide")
    answer = half.post(f"/approvals/{row.id}/approve")
    assert (answer.status_code, answer.get_json()["needs"]) == (403, "stores:manage")
    only_reads = api_with("approvals:read", "stores:manage")
    answer = only_reads.post(f"/approvals/{row.id}/deny", {"reason": "x"})
    assert answer.get_json()["needs"] == "approvals:decide"
    assert doors == []


def test_who_does_not_decide_sees_his_own_requests_only(api_with, boss: Api):
    reader = api_with("approvals:read")
    own, foreign = ask(_principal_of(reader)), ask()
    assert reader.get(f"/approvals/{own.id}").status_code == 200
    hidden = reader.get(f"/approvals/{foreign.id}")
    assert (hidden.status_code, hidden.get_json()["code"]) == (404, "approval_not_found")
    assert reader.post(f"/approvals/{foreign.id}/cancel").status_code == 404
    listed = reader.get("/approvals").get_json()["data"]
    assert [row["id"] for row in listed] == [str(own.id)]
    assert len(boss.get("/approvals").get_json()["data"]) == 2


def test_an_unknown_request_is_not_found(boss: Api):
    for method, path in (("GET", ""), ("POST", "/approve"), ("POST", "/cancel")):
        answer = boss(method, f"/approvals/{uuid4()}{path}")
        assert (answer.status_code, answer.get_json()["code"]) == (404, "approval_not_found")


def test_requests_are_listed_newest_first_by_state_in_pages(boss: Api, stand_at):
    rows = [ask() for _ in range(4)]
    boss.post(f"/approvals/{rows[0].id}/approve")
    boss.post(f"/approvals/{rows[1].id}/deny", {"reason": "x"})

    def ids(**query: Any) -> list[str]:
        answer = boss.get("/approvals", query_string=query)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.get_json()["data"]]

    every = [str(row.id) for row in rows]
    assert ids() == every[::-1]
    assert ids(state="pending") == [every[3], every[2]]
    assert (ids(state="approved"), ids(state="denied")) == ([every[0]], [every[1]])
    assert ids(kind="test.door", subject_type="store", subject_id="jingan", limit="2")
    assert ids(subject_id="pudong") == ids(kind="other") == []
    page = boss.get("/approvals?limit=3").get_json()
    rest = boss.get(f"/approvals?limit=3&cursor={page['next_cursor']}").get_json()
    assert [row["id"] for row in page["data"] + rest["data"]] == every[::-1]
    assert rest["next_cursor"] is None
    assert boss.get("/approvals?state=lost").status_code == 422


def test_a_request_that_waited_too_long_is_expired_whether_or_not_the_job_ran(
    boss: Api, stand_at, doors
):
    row = ask()
    stand_at(NOON + WEEK)
    for swept in (False, True):
        if swept:
            assert jobs.expire(NOON + WEEK) == 1
        told = boss.get(f"/approvals/{row.id}").get_json()
        assert (told["state"], told["decided_at"]) == ("expired", "2026-11-29T04:00:00Z")
        assert boss.get("/approvals?state=pending").get_json()["data"] == []
        assert len(boss.get("/approvals?state=expired").get_json()["data"]) == 1
        answer = boss.post(f"/approvals/{row.id}/approve")
        assert (answer.status_code, answer.get_json()["code"]) == (409, "approval_expired")
        assert boss.post(f"/approvals/{row.id}/deny", {"reason": "x"}).status_code == 409
    assert jobs.expire(NOON + WEEK) == 0
    assert doors == []


def test_the_job_has_work_when_the_next_request_expires(context: None):
    assert approvals.next_expiry(NOON) is None
    ask(now=NOON + timedelta(hours=1))
    row = ask()
    assert approvals.next_expiry(NOON) == NOON + WEEK
    with transaction():
        approvals.deny(row.id, "x", by=person("admin"), now=NOON)
    assert approvals.next_expiry(NOON) == NOON + WEEK + timedelta(hours=1)


def test_every_step_is_in_the_audit_trail(admin: Api, boss: Api):
    row = ask()
    boss.post(f"/approvals/{row.id}/deny", {"reason": "wet"})
    query = {"object_type": "approval", "object_id": str(row.id)}
    denied, requested = admin.get("/audit", query_string=query).get_json()["data"]
    assert (requested["action"], denied["action"]) == ("approval.requested", "approval.denied")
    assert requested["after"]["payload"] == {"door": "cellar"}
    assert (denied["actor"]["name"], denied["reason"]) == ("boss", "wet")
    assert (denied["before"], denied["after"]["state"]) == ({"state": "pending"}, "denied")


def test_who_waits_for_whom_is_counted(context: None):
    manager = person("admin")
    ask(manager)
    ask()
    ask(now=NOON - WEEK)
    assert approvals.waiting_for(manager, NOON) == 1
    assert approvals.waiting_for(person("admin"), NOON) == 2
    assert approvals.waiting_for(person("manager"), NOON) == 0, "he may not manage stores"
    assert approvals.waiting_for(person("clerk"), NOON) == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE approval SET state = 'pending', decided_at = NULL, result = NULL",
        "UPDATE approval SET reason = 'changed my mind'",
        "DELETE FROM approval",
    ],
)
def test_the_database_lets_nobody_undo_a_decision(boss: Api, change: str):
    row = ask()
    boss.post(f"/approvals/{row.id}/approve")
    with pytest.raises(DBAPIError, match="append-only"), transaction():
        db.session.execute(text(change))


def test_the_database_itself_wants_four_eyes(context: None):
    mei = person()
    ask(mei)
    with pytest.raises(DBAPIError, match="four_eyes"), transaction():
        db.session.execute(
            text("""
                UPDATE approval SET state = 'approved', decided_at = now(), decider_id = :id,
                    decider_kind = 'staff', decider_name = 'Mei', result = '{}'
            """),
            {"id": mei.id},
        )


def _principal_of(api: Api) -> Principal:
    """Who a key is."""
    digest = keys.digest(api.key)
    row = db.session.execute(
        text("SELECT id, name, scopes FROM api_key WHERE secret_hash = :digest"),
        {"digest": digest},
    ).one()
    return Principal("key", row.id, row.name, frozenset(row.scopes))

"""A key stands for one request: on every route that takes one, another request is refused by it.

The routes come from the OpenAPI document; a new POST either takes a key or is named here.
"""

import json
from uuid import uuid4

import pytest
from operations import OPERATIONS, Operation
from sqlalchemy import text
from values import sample

from crm.db import db, transaction
from crm.http.idempotency import claim_of
from crm.http.principal import Principal

POSTS = [one for one in OPERATIONS if one.method == "POST"]
KEYED = [one for one in OPERATIONS if "Idempotency-Key" in one.named("header")]
# Neither points nor money nor coupons nor messages move here.
WITHOUT = {
    # of gateways, who send no keys: each item names its message and counts once
    "/channels/{channel}/inbound", "/channels/{channel}/receipts",
    "/templates", "/templates/{template_id}/preview",
    "/coupons/{code}/validate", "/campaigns/{id}/plan",
    "/audiences", "/audiences/preview", "/audiences/{audience_id}/members",
    "/journeys/{code}/dry-run",
    "/api-keys", "/api-keys/{key_id}/roll", "/approvals/{approval_id}/cancel",
    "/approvals/{approval_id}/deny", "/members", "/members/lookup",
    "/members/{member_id}/merge/preview", "/members/{member_id}/notes",
    "/members/{member_id}/reveal", "/points/quote", "/points/rules", "/sandbox/clock", "/staff",
    "/stores",
}  # fmt: skip
USED = text("""
    INSERT INTO idempotency_key (key, fingerprint, status, body, created_at)
    VALUES (:key, :fingerprint, 201, '{"first": true}', now())
""")


def body_of(operation: Operation) -> bytes:
    """A body of the right shape; an award of so many points is about no order."""
    if operation.body is None:
        return b""
    body = sample(operation.body)
    if operation.path.endswith("/points/awards"):
        del body["order"]
    return json.dumps(body).encode()


def send(admin, operation: Operation, key: str):
    return admin("POST", operation.address(), body_of(operation) or None, idem=key)


def asker(admin) -> Principal:
    """Who the program takes the tests' key for."""
    key_id = db.session.scalar(text("SELECT id FROM api_key WHERE name = 'admin'"))
    return Principal("key", key_id, "admin", frozenset())


def use(admin, operation: Operation, key: str, body: bytes) -> None:
    """As if `body` had been sent with this key, and answered 201."""
    claim = claim_of(asker(admin), key, "POST", "/api/v1" + operation.address(), body)
    with transaction():
        db.session.execute(USED, claim._asdict())


def test_every_post_takes_a_key_or_moves_nothing():
    without = {str(one).removeprefix("POST ") for one in POSTS if one not in KEYED}
    assert without <= WITHOUT, "a new POST that moves something must be @idempotent"
    assert all(one.method == "POST" for one in KEYED)


@pytest.mark.parametrize("operation", KEYED, ids=str)
def test_a_key_of_another_route_is_refused_and_nothing_happens(
    admin, person, contents, operation: Operation
):
    key = uuid4().hex
    award = {"activity": "custom", "source_key": "1", "points": 5}
    first = {"member": {"id": str(person())}} | award
    assert admin.post("/points/awards", first, idem=key).status_code == 201
    before = contents()
    answer = send(admin, operation, key)
    assert answer.status_code == 422, answer.data
    assert answer.get_json()["code"] == "idempotency_key_reused"
    assert contents() == before


@pytest.mark.parametrize("operation", KEYED, ids=str)
def test_a_key_of_the_same_route_with_another_body_is_refused_and_nothing_happens(
    admin, contents, operation: Operation
):
    key = uuid4().hex
    use(admin, operation, key, b'{"another": "body"}')
    before = contents()
    answer = send(admin, operation, key)
    assert answer.status_code == 422, answer.data
    assert answer.get_json()["code"] == "idempotency_key_reused"
    assert contents() == before


@pytest.mark.parametrize("operation", KEYED, ids=str)
def test_the_same_request_is_answered_by_what_was_kept(admin, contents, operation: Operation):
    """Whatever has become of the things it names: the key is asked before anything else."""
    key = uuid4().hex
    use(admin, operation, key, body_of(operation))
    before = contents()
    answer = send(admin, operation, key)
    assert (answer.status_code, answer.data) == (201, b'{"first": true}')
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert contents() == before

"""The header that makes a repetition safe, on every route that asks for it."""

from typing import Any

import pytest
from operations import OPERATIONS, Operation
from values import sample

BAD_KEYS = ["x" * 256, "clé", "a\x7fb", "a\tb"]
KEYED = [one for one in OPERATIONS if "Idempotency-Key" in one.named("header")]

pytestmark = pytest.mark.parametrize("operation", KEYED, ids=str)


def send(admin, operation: Operation, headers: dict[str, str], **kwargs: Any):
    return admin.client.open(
        "/api/v1" + operation.address(),
        method=operation.method,
        json=sample(operation.body or {}),
        headers={"Authorization": f"Bearer {admin.key}"} | headers,
        **kwargs,
    )


def test_a_request_without_a_key_is_refused_and_the_header_named(admin, contents, operation):
    before = contents()
    answer = send(admin, operation, {})
    assert answer.status_code == 422, answer.data
    error = answer.get_json()["errors"][0]
    assert error["pointer"] == "/headers/Idempotency-Key"
    assert error["code"] == "idempotency_key_required"
    assert contents() == before


def test_a_key_that_is_not_printable_ascii_of_255_is_refused(admin, contents, operation):
    before = contents()
    for key in BAD_KEYS:
        answer = send(admin, operation, {"Idempotency-Key": key})
        assert answer.status_code == 422, (key, answer.data)
        assert answer.get_json()["errors"][0]["code"] == "idempotency_key_bad_format", key
    assert contents() == before


def test_a_malformed_body_does_not_use_the_key_up(admin, operation):
    key = {"Idempotency-Key": "once"}
    first = admin.client.open(
        "/api/v1" + operation.address(), method="POST", data=b"{", content_type="application/json",
        headers={"Authorization": f"Bearer {admin.key}"} | key,
    )  # fmt: skip
    assert first.status_code == 400
    second = send(admin, operation, key)
    assert second.get_json().get("code") != "idempotency_key_reused"
    assert "Idempotent-Replayed" not in second.headers

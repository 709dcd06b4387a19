"""Every operation fed by schemathesis from the document: no failure, no surprise, nothing left.

The seeds are fixed, so a failure here is the same everywhere and every time.
"""

from typing import Any

import hypothesis
import pytest
import schemathesis
from api_client import Api
from flask import Flask
from operations import OPERATIONS
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance

EXAMPLES = 5  # of each operation; half of them break the document on purpose
# Refusals by rule are answers too: they are kept under the request's key.
KEPT_REFUSALS = {"idempotency_key"}


@pytest.fixture(scope="module")
def schema(app: Flask) -> Any:
    """The document as schemathesis reads it."""
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_no_input_makes_an_operation_fail(admin, person, contents, schema, operation):
    known = str(person())
    before = contents()
    source = schema[operation.path][operation.method]
    cases = hypothesis.strategies.one_of(
        source.as_strategy(generation_mode=GenerationMode.POSITIVE),
        source.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=cases)
    def feed(case: Any) -> None:
        nonlocal before
        aim(case, known)
        response = send(admin, case)
        after = contents()
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            assert_is_problem(response)
            assert_nothing_stored(before, after, response.json()["code"])
        else:
            case.validate_response(response, checks=[response_schema_conformance])
        before = after

    feed()


def aim(case: Any, member_id: str) -> None:
    """Let what is generated reach a member that is there."""
    if isinstance(case.body, dict) and isinstance(case.body.get("member"), dict):
        case.body["member"] = {"id": member_id}
        if "currency" in case.body:
            case.body["currency"] = "CNY"
    if "/members/" in case.path and case.path_parameters:
        for name in ("member_id", "id"):
            if name in case.path_parameters:
                case.path_parameters[name] = member_id


def send(admin: Api, case: Any) -> Any:
    case.headers["Authorization"] = f"Bearer {admin.key}"
    return case.call()


def assert_is_problem(response: Any) -> None:
    if response.status_code != 308:
        assert response.headers["content-type"] == ["application/problem+json"]
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["code"]


def assert_nothing_stored(before: dict, after: dict, code: str) -> None:
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= (set() if code == "validation_failed" else KEPT_REFUSALS), (code, changed)

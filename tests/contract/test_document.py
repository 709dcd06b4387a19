"""The document itself: valid OpenAPI 3.1, honest about errors, keys and bodies."""

import pytest
from operations import OPERATIONS, WITH_BODY, Operation, document
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

pytestmark = pytest.mark.usefixtures("no_database")
# POSTs below these that move nothing: they answer a question, or set something up.
MOVE_NOTHING = {
    "/points/quote",
    "/points/rules",
    "/coupons/{code}/validate",
    "/campaigns/{id}/plan",
}


def test_the_document_is_valid_openapi_3_1():
    assert document()["openapi"].startswith("3.1")
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(document())] == []


def test_every_refusal_is_told_as_a_problem_document():
    responses = document()["components"]["responses"]
    assert responses
    for name, said in responses.items():
        assert list(said["content"]) == ["application/problem+json"], name
    problem = document()["components"]["schemas"]["Problem"]
    assert {"type", "title", "status", "code", "detail", "errors"} <= set(problem["required"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_operation_tells_its_refusals(operation: Operation):
    said = document()["paths"][operation.path][operation.method.lower()]
    assert said["responses"]["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_no_body_takes_unknown_fields(operation: Operation):
    body = operation.body or {}
    assert body.get("additionalProperties") is False or "items" in body


def moves_something(operation: Operation) -> bool:
    """Whether a key is due: what moves points is sent by POST below these."""
    path = operation.path.removeprefix("/api/v1")
    rooms = (
        "/points/",
        "/orders/",
        "/rewards/",
        "/reward-redemptions/",
        "/coupons/",
        "/campaigns/",
    )
    return operation.method == "POST" and path.startswith(rooms) and path not in MOVE_NOTHING


@pytest.mark.parametrize("operation", list(filter(moves_something, OPERATIONS)), ids=str)
def test_every_post_that_moves_points_needs_an_idempotency_key(operation: Operation):
    keys = [item for item in operation.parameters if item["name"] == "Idempotency-Key"]
    assert [(key["in"], key["required"]) for key in keys] == [("header", True)]


def test_schemas_of_the_library_are_not_shown():
    assert not {"Error", "PaginationMetadata"} & set(document()["components"]["schemas"])

"""Every field of every body × every wrong value: refused, named, and nothing is stored."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api_client import Api
from operations import WITH_BODY, Operation
from values import Place, places, sample, wrong_values
from werkzeug.test import TestResponse

RAW = {
    "nothing": b"",
    "no JSON": b"{",
    "two values": b"{}{}",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "too large a number": b'{"a": 1e400}',
    "a key twice": b'{"a": 1, "a": 2}',
    "no UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "too many digits": b'{"a": ' + b"1" * 5000 + b"}",
    "nested too deeply": b"[" * 200 + b"]" * 200,
    "nested beyond the parser": b"[" * 100_000,
    "a raw NUL": b'{"a": "\x00"}',
}
OTHER_SHAPES = [b"null", b"true", b"7", b'"text"', b"[7]", b'{"nobody knows this": 1}', b'{"": 1}']

OTHER_MEDIA = ["text/plain", "application/x-www-form-urlencoded", "application/xml", "a/b/c", ""]

pytestmark = pytest.mark.parametrize("operation", WITH_BODY, ids=str)


def rounds(operation: Operation) -> Iterator[dict[Place, Any]]:
    """Wrong values for all places at once that do not lie inside each other, round by round."""
    found = list(places(operation.body or {}))
    for depth in sorted({len(place.steps) for place in found}):
        level = {place.pointer: place for place in found if len(place.steps) == depth}
        values = {pointer: wrong_values(place.schema) for pointer, place in level.items()}
        for number in range(max(map(len, values.values()), default=0)):
            yield {
                level[pointer]: wrong[number]
                for pointer, wrong in values.items()
                if number < len(wrong)
            }


def problem_of(answer: TestResponse) -> dict[str, Any]:
    """The problem document; of a batch, that of its one item, with the item's place before it."""
    said = answer.get_json()
    if "results" not in said:
        return said | {"status": answer.status_code}
    item = said["results"][0]
    problem = item.get("problem") or {"errors": [], "saved": item}
    errors = [error | {"pointer": f"/0{error['pointer']}"} for error in problem["errors"]]
    return problem | {"errors": errors, "status": item["status"]}


def is_text_that_cannot_be_stored(value: Any) -> bool:
    return isinstance(value, str) and ("\x00" in value or "\ud800" in value)


def stored(contents: Callable[[], dict], operation: Operation) -> dict:
    """What the tables hold. A batch is answered 200 whatever its items are: that is kept."""
    found = contents()
    if operation.body and "items" in operation.body:
        found.pop("idempotency_key")
    return found


def check(admin: Api, operation: Operation, wrong: dict[Place, Any]) -> None:
    """Send a body that is good but for these places; each must be named in the refusal."""
    body = sample(operation.body or {})
    for place, value in wrong.items():
        place.put(body, value)
    problem = problem_of(admin(operation.method, operation.address(), body))
    assert problem["status"] == 422, (wrong, problem)
    named = [error["pointer"] for error in problem["errors"]]
    for place in list(wrong)[:20]:
        assert any(one.startswith(place.pointer) for one in named), (place, wrong, problem)


def test_many_wrong_values_are_all_named_and_nothing_is_stored(admin, contents, operation):
    before = stored(contents, operation)
    for wrong in rounds(operation):
        for chosen in _apart(wrong):
            check(admin, operation, chosen)
    assert stored(contents, operation) == before


def test_one_wrong_value_is_named_and_nothing_is_stored(admin, contents, operation):
    before = stored(contents, operation)
    for number, place in enumerate(places(operation.body)):
        for value in wrong_values(place.schema)[number % 4 :: 4]:
            check(admin, operation, {place: value})
    assert stored(contents, operation) == before


def _apart(wrong: dict[Place, Any]) -> list[dict[Place, Any]]:
    """Text and numbers that the door itself refuses hide other mistakes, so they go alone."""
    at_door = {
        place: value
        for place, value in wrong.items()
        if is_text_that_cannot_be_stored(value) or (type(value) is int and abs(value) >= 2**53)
    }
    rest = {place: value for place, value in wrong.items() if place not in at_door}
    return [part for part in (at_door, rest) if part]


def test_what_is_no_json_is_refused_as_unparsable(admin, contents, operation):
    before = contents()
    for name, raw in RAW.items():
        if not raw and takes_no_body(operation):
            continue
        answer = admin(operation.method, operation.address(), raw)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed"), name
    assert contents() == before


def takes_no_body(operation: Operation) -> bool:
    """Whether a request may come without a body, as those may that have only defaults."""
    return operation.method == "POST" and not (operation.body or {}).get("required")


def test_json_of_another_shape_is_refused(admin, contents, operation):
    before = stored(contents, operation)
    for raw in OTHER_SHAPES:
        problem = problem_of(admin(operation.method, operation.address(), raw))
        assert (problem["status"], bool(problem["errors"])) == (422, True), (raw, problem)
    assert stored(contents, operation) == before


def test_another_media_type_is_refused(admin, operation):
    for media in OTHER_MEDIA:
        answer = admin.client.open(
            "/api/v1" + operation.address(),
            method=operation.method,
            data=json.dumps(sample(operation.body)),
            content_type=media,
            headers={"Authorization": f"Bearer {admin.key}", "Idempotency-Key": "k"},
        )
        found = answer.status_code, answer.get_json()["code"]
        assert found == (415, "unsupported_media_type"), media


def test_unknown_fields_are_refused_everywhere(admin, operation):
    inside = [place.steps for place in places(operation.body) if is_closed(place.schema)]
    for steps in [*inside, *([()] if is_closed(operation.body) else [])]:
        body = sample(operation.body)
        unknown = Place((*steps, "is_admin"), {})
        unknown.put(body, True)
        problem = problem_of(admin(operation.method, operation.address(), body))
        assert problem["status"] == 422, steps
        errors = {error["pointer"]: error["code"] for error in problem["errors"]}
        assert errors.get(unknown.pointer) == "unknown_field", (steps, errors)


def is_closed(schema: dict[str, Any]) -> bool:
    return schema.get("additionalProperties") is False

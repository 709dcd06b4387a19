"""Nothing in an address makes a route fail: path parameters, queries, methods."""

import json
from urllib.parse import quote

import pytest
from api_client import Api
from operations import OPERATIONS, SOME_ID, Operation, document
from values import NOT_INSTANTS, sample

TEXTS = [
    "%00", "%ff", "%ed%a0%80", "%0A", "..", "%2e%2e%2f", "a%00b", "x" * 5000, quote("茶😀"), "-",
    "%7B%7D", "'", '%22', "1'%20OR%20'1'='1", "%F0%9F", quote("web\n"), quote(" "), "%",
]  # fmt: skip
NO_IDS = ["x", "0", SOME_ID[:-1], SOME_ID + "0", SOME_ID.replace("-", ""), "%00", quote("١" * 36)]
NO_LIMITS = ["0", "-1", "201", "x", "1.0", "1e2", "", " ", "+1", "٣", str(2**63), "1" * 400, "true"]
NO_CURSORS = [
    "x", "%", "....", "W10", "WyJ4Il0", "e30", "bnVsbA", "W251bGxd", "W3RydWVd",
    "\x00", "é", "WzFd",
    "WzEsMiwzLDQsNV0", "x" * 501, "WzFlNDAwXQ", "W05hTl0", "WyJcdTAwMDAiXQ", "٣", "WyJcdWQ4MDAiXQ",
]  # fmt: skip

PATHS = [one for one in OPERATIONS if one.named("path")]
QUERIES = [(one, name) for one in OPERATIONS for name in one.named("query")]
LISTS = [one for one in OPERATIONS if "cursor" in one.named("query")]


def send(admin: Api, operation: Operation, address: str):
    body = None if operation.body is None else sample(operation.body)
    return admin(operation.method, address, body)


def assert_is_problem(answer, *statuses: int) -> dict:
    assert answer.status_code in statuses, (answer.status_code, answer.data)
    assert answer.content_type == "application/problem+json"
    problem = answer.get_json()
    assert problem["status"] == answer.status_code
    assert problem["code"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize("operation", PATHS, ids=str)
def test_what_is_no_id_is_not_found(admin, contents, operation):
    before = contents()
    for name, schema in operation.named("path").items():
        if schema.get("format") == "uuid":
            for text in NO_IDS:
                answer = send(admin, operation, operation.address(**{name: text}))
                assert_is_problem(answer, 404)
    assert contents() == before


@pytest.mark.parametrize("operation", PATHS, ids=str)
def test_no_text_in_a_path_makes_a_route_fail(admin, contents, operation):
    before = contents()
    for name, schema in operation.named("path").items():
        if schema.get("format") == "uuid":
            continue
        for text in TEXTS:
            answer = send(admin, operation, operation.address(**{name: text}))
            if answer.status_code not in (200, 202, 308):
                assert_is_problem(answer, 404, 405, 422)
    if operation.method != "GET":  # some of these texts are good names
        return
    assert contents() == before


@pytest.mark.parametrize("operation", PATHS, ids=str)
def test_an_unknown_id_is_not_found(admin, contents, operation):
    before = contents()
    answer = send(admin, operation, operation.address())
    assert answer.status_code in (404, 422) or operation.method == "PUT", answer.data
    if answer.status_code >= 400:
        assert_is_problem(answer, 404, 422)
        assert contents() == before


def wrong_queries(schema: dict) -> list[str]:
    """Texts that a query parameter of this schema must refuse."""
    if schema.get("format") == "date-time":
        return [*map(str, NOT_INSTANTS), "0", ""]
    if schema.get("type") == "integer":
        return NO_LIMITS
    if schema.get("type") == "boolean":
        return ["1", "yes", "", "TRUE"]
    if schema.get("format") == "uuid":
        return ["x", SOME_ID + "0", ""]
    found = ["\x00", "a\x00b", "x" * (schema.get("maxLength", 8000) + 1)]
    return found + (["?!"] if "enum" in schema else [])


@pytest.mark.parametrize(("operation", "name"), QUERIES, ids=lambda one: str(one))
def test_a_wrong_query_is_refused_and_named(admin, operation, name):
    for value in wrong_queries(operation.named("query")[name]):
        answer = admin.get(operation.address(), query_string={name: value})
        problem = assert_is_problem(answer, 422)
        assert problem["errors"][0]["pointer"] == f"/{name}", (value, problem)


@pytest.mark.parametrize("operation", LISTS, ids=str)
def test_a_cursor_that_no_list_made_is_refused(admin, operation, real_ids):
    for value in NO_CURSORS:
        address = operation.address(**real_ids(operation))
        answer = admin.get(address, query_string={"cursor": value})
        assert answer.status_code in (200, 404, 422), (value, answer.data)
        if answer.status_code == 422:  # a cursor is opaque: some texts are one by chance
            problem = assert_is_problem(answer, 422)
            assert problem["errors"][0]["pointer"] == "/cursor", (value, problem)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.named("query")], ids=str)
def test_unknown_query_parameters_are_refused_where_some_are_known(admin, operation):
    answer = admin.get(operation.address(), query_string={"is_admin": "1"})
    problem = assert_is_problem(answer, 422)
    assert problem["errors"][0]["pointer"] == "/is_admin"


@pytest.mark.parametrize("path", sorted(document()["paths"]))
def test_other_methods_are_refused_and_the_known_ones_named(admin, path):
    known = {one.method for one in OPERATIONS if one.path == path}
    address = next(one for one in OPERATIONS if one.path == path).address()
    for method in {"GET", "PUT", "POST", "PATCH", "DELETE", "BREW"} - known:
        answer = admin(method, address)
        assert_is_problem(answer, 405)
        assert known <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("address", ["/nothing", "/members/", "//", "/%00", "/" + "x" * 9000])
def test_unknown_addresses_are_not_found(admin, address):
    assert_is_problem(admin.get(address), 404)


def test_a_body_larger_than_the_limit_is_refused(admin, settings):
    body = json.dumps({"q": "x" * settings.max_body_bytes})
    assert_is_problem(admin.put("/orders/web/A1", body), 413)

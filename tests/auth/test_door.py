"""Every request is checked at the door."""

from collections.abc import Callable

from api_client import Api
from flask.testing import FlaskClient


def test_a_request_without_a_key_is_refused(client: FlaskClient):
    answer = client.get("/api/v1/sandbox/clock")
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["code"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_with_the_scope_is_let_in(admin: Api):
    assert admin.get("/sandbox/clock").status_code == 200


def test_a_key_without_the_scope_is_told_which_one_it_needs(api_with: Callable[..., Api]):
    answer = api_with("members:read").get("/sandbox/clock")
    assert answer.status_code == 403
    assert answer.get_json()["needs"] == "sandbox:manage"

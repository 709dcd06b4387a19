"""The first key and the first account are made on the command line."""

from datetime import datetime

import pytest
from click import Group
from click.testing import Result
from flask import Flask
from sqlalchemy import select, text

from crm.auth import cli, door, staff
from crm.auth.models import ApiKey
from crm.db import db, transaction
from crm.http.permissions import PERMISSIONS

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def run(app: Flask):
    """Runs a command of a group: `run(cli.key, "create", …)`."""

    def run_command(group: Group, *args: str) -> Result:
        return app.test_cli_runner().invoke(group, args)

    return run_command


def test_a_key_with_every_scope_is_created(run):
    done = run(cli.key, "create", "first", "--all-scopes")
    assert done.exit_code == 0, done.output
    found = door.authenticate(f"Bearer {done.output.strip()}")
    assert found.principal.permissions == set(PERMISSIONS)


def test_a_key_with_chosen_scopes_is_created(run):
    done = run(
        cli.key, "create", "till", "--scope", "members:read", "--scope", "points:read",
        "--kind", "test",
    )  # fmt: skip
    assert done.output.startswith("rgl_test_")
    key = db.session.scalars(select(ApiKey)).one()
    assert key.scopes == ["members:read", "points:read"]


@pytest.mark.parametrize("more", [[], ["--scope", "members:fly"], ["--kind", "royal"]])
def test_a_key_without_known_scopes_is_refused(run, more: list[str]):
    assert run(cli.key, "create", "nothing", *more).exit_code == 2
    assert db.session.scalar(text("SELECT count(*) FROM api_key")) == 0


def test_an_account_is_created_with_a_password_that_works(run, now: datetime):
    done = run(cli.staff_group, "create", "Ada@shop.example", "Ada", "--role", "admin")
    assert done.exit_code == 0, done.output
    with transaction():
        ada = staff.sign_in("ada@shop.example", done.output.strip(), "127.0.0.1", now)
    assert (ada.name, ada.role) == ("Ada", "admin")


def test_a_lost_password_is_replaced(run, now: datetime):
    first = run(cli.staff_group, "create", "ada@shop.example", "Ada", "--role", "admin").output
    second = run(cli.staff_group, "reset-password", "ADA@shop.example").output
    with transaction(), pytest.raises(staff.WrongCredentials):
        staff.sign_in("ada@shop.example", first.strip(), "127.0.0.1", now)
    with transaction():
        staff.sign_in("ada@shop.example", second.strip(), "127.0.0.1", now)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["create", "nonsense", "N", "--role", "clerk"], "not an e-mail address"),
        (["create", "ada@shop.example", "N", "--role", "clerk"], "Another staff account"),
        (["create", "b@shop.example", "N", "--role", "clerk", "--store", "x"], "no store x"),
        (["reset-password", "nobody@shop.example"], "no such staff account"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(run, args: list[str], says: str):
    run(cli.staff_group, "create", "ada@shop.example", "Ada", "--role", "admin")
    done = run(cli.staff_group, *args)
    assert done.exit_code in (1, 2)
    assert says in done.output
    assert "Traceback" not in done.output


def test_what_the_command_line_does_is_in_the_audit_trail(run):
    run(cli.key, "create", "first", "--all-scopes")
    row = db.session.execute(text("SELECT actor_kind, action FROM audit_entry")).one()
    assert tuple(row) == ("system", "api_key.create")

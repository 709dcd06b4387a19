"""Commands for the first key and the first account, and for the day a password is lost."""

import click
from flask.cli import with_appcontext

from crm import clock
from crm.auth import keys, staff
from crm.auth.staff_checks import is_email
from crm.db import transaction
from crm.errors import Refused
from crm.http.permissions import PERMISSIONS, ROLES
from crm.http.principal import SYSTEM
from crm.http.problems import document
from crm.i18n import LOCALES


@click.group("key")
def key() -> None:
    """API keys."""


@key.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(sorted(PERMISSIONS)),
    metavar="SCOPE",
    help="A permission that the key gives; may be repeated.",
)
@click.option("--all-scopes", is_flag=True, help="Give the key every scope.")
@click.option("--kind", type=click.Choice(("live", "test")), default="live", show_default=True)
@with_appcontext
def create_key(name: str, scopes: tuple[str, ...], all_scopes: bool, kind: str) -> None:
    """Create a key called NAME and print its secret, once."""
    wanted = tuple(PERMISSIONS) if all_scopes else scopes
    if not wanted:
        raise click.UsageError("give the key at least one --scope, or --all-scopes")
    with transaction():
        _, secret = keys.create(name, wanted, by=SYSTEM, now=clock.now(), kind=kind)
    click.echo(secret)


@click.group("staff")
def staff_group() -> None:
    """Staff accounts."""


@staff_group.command("create")
@click.argument("email")
@click.argument("name")
@click.option("--role", type=click.Choice(tuple(ROLES)), required=True)
@click.option("--store", help="The only store this account sees.")
@click.option("--locale", type=click.Choice(LOCALES), default="en", show_default=True)
@with_appcontext
def create_staff(email: str, name: str, role: str, store: str | None, locale: str) -> None:
    """Create an account for EMAIL, called NAME, and print its password, once."""
    if not is_email(email):
        raise click.UsageError(f"{email} is not an e-mail address")
    body = {"email": email, "name": name, "role": role, "store": store, "locale": locale}
    try:
        with transaction():
            _, password = staff.create(body, by=SYSTEM, now=clock.now())
    except Refused as refused:
        raise click.ClickException(document(refused)["detail"]) from refused
    click.echo(password)


@staff_group.command("reset-password")
@click.argument("email")
@with_appcontext
def reset_password(email: str) -> None:
    """Print a new password for EMAIL, once, and end the account's sessions."""
    try:
        with transaction():
            password = staff.reset_password(email, by=SYSTEM, now=clock.now())
    except Refused as refused:
        raise click.ClickException(document(refused)["detail"]) from refused
    click.echo(password)

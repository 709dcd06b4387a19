"""Keys and passwords for trying things out, in one file that only its owner can read."""

import json
import os
from pathlib import Path

from crm import clock, installation
from crm.auth import keys, staff
from crm.db import config, transaction
from crm.demo.staff import STAFF
from crm.http.permissions import PERMISSIONS
from crm.http.principal import Principal

NAME = "demo-credentials.json"
STOREFRONT = (
    "members:read", "members:write", "orders:read", "orders:write", "points:read", "points:write",
    "programme:read", "coupons:read", "coupons:write",
    "rewards:read", "rewards:write",
)  # fmt: skip
SETTER_UP = Principal("system", None, "set-up", frozenset(PERMISSIONS))


def write(with_stores: bool) -> Path:
    """Make the keys and accounts once; the file again whenever it is missing. Returns its path.

    `with_stores`: the demo's stores exist, so that its clerk can be bound to one.
    """
    path = config().home / NAME
    with transaction():
        known = installation.read("credentials")
        if known is not None and path.exists():
            content = json.loads(path.read_text()) | {"base_url": config().base_url}
        else:
            content = _make(first=known is None, with_stores=with_stores)
            installation.write("credentials", {"written": True})
        _store(path, content)
    return path


def _make(*, first: bool, with_stores: bool) -> dict[str, object]:
    now = clock.now()
    _, admin = keys.create("demo admin", sorted(PERMISSIONS), by=SETTER_UP, now=now)
    _, storefront = keys.create("demo storefront", STOREFRONT, by=SETTER_UP, now=now)
    people = []
    for one in STAFF:
        body = one._asdict()
        if not with_stores or one.store is None:
            body.pop("store")
        if first:
            password = staff.create(body, by=SETTER_UP, now=now)[1]
        else:
            password = staff.reset_password(one.email, by=SETTER_UP, now=now)
        people.append({"email": one.email, "password": password, "role": one.role})
    return {
        "base_url": config().base_url,
        "admin_key": admin,
        "storefront_key": storefront,
        "staff": people,
    }


def _store(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
    new.replace(path)

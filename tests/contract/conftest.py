"""What the tests of the whole contract share."""

from collections.abc import Callable

import pytest
from flask import Flask
from operations import Operation
from sqlalchemy import text

from crm.db import db

# Codes of coupons that were guessed are counted when the request is refused, so not here.
TABLES = """
    SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'coupon_miss'
    ORDER BY 1
"""
ONE = """
    SELECT '{0}', md5(string_agg((to_jsonb(t) - 'last_used_at')::text, '|'
                                 ORDER BY to_jsonb(t)::text)) FROM {0} t
"""
Contents = dict[str, str | None]


@pytest.fixture
def contents(app: Flask) -> Callable[[], Contents]:
    """Says what every table holds, as a digest; the note of a key's last use does not count."""
    connection = db.engines[None]
    names = connection.execute(text(TABLES)).scalars().all()  # type: ignore[attr-defined]
    statement = text(" UNION ALL ".join(ONE.format(name) for name in names))

    def read() -> Contents:
        return dict(map(tuple, connection.execute(statement)))  # type: ignore[attr-defined]

    return read


@pytest.fixture
def real_ids(person, admin) -> Callable[[Operation], dict[str, str]]:
    """Path parameters that name something which is there, where that is easy to have."""
    member_id = str(person())

    def ids(operation: Operation) -> dict[str, str]:
        if "/members/" in operation.path:
            return dict.fromkeys(operation.named("path"), member_id)
        return {}

    return ids

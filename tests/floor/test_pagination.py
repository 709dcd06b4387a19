"""Pages: every row once, in order, whatever the size of the page; cursors that nobody can bend."""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.errors import Invalid
from crm.http import pagination

pytestmark = pytest.mark.usefixtures("no_database")
QUIET = settings(max_examples=60, derandomize=True, deadline=None)
numbers = st.integers(-(2**53) + 1, 2**53 - 1)
NOT_CURSORS = [
    "",
    "x",
    "e30",
    "bnVsbA",
    "W10",
    "WzEsMl0",
    "WyJhIl0",
    "WzEuNV0x",
    "é",
    "W1tdXQ",
    "\0",
]


@QUIET
@given(rows=st.lists(numbers, unique=True, max_size=40), limit=st.integers(1, 12))
def test_following_the_cursor_shows_every_row_once_in_order(rows, limit):
    rows = sorted(rows)
    seen, cursor = [], None
    for _ in range(len(rows) + 2):
        after = pagination.decode(cursor, int)
        left = [row for row in rows if after is None or row > after[0]]
        page = pagination.page(left[: limit + 1], limit, lambda row: (row,))
        seen += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == rows


@QUIET
@given(number=numbers, at=st.datetimes(), key=st.uuids())
def test_a_cursor_brings_its_key_back(number, at, key):
    at = at.replace(tzinfo=UTC)
    cursor = pagination.encode(number, at.isoformat(), key)
    assert pagination.decode(cursor, int, datetime.fromisoformat, UUID) == (number, at, key)
    assert "=" not in cursor


@QUIET
@given(cursor=st.text(max_size=40) | st.binary(max_size=30).map(lambda raw: raw.hex()))
def test_no_text_makes_decoding_fail(cursor):
    with suppress(Invalid):
        pagination.decode(cursor, int)


@pytest.mark.parametrize("cursor", NOT_CURSORS, ids=ascii)
def test_what_no_list_made_is_refused(cursor):
    with pytest.raises(Invalid) as refused:
        pagination.decode(cursor, int)
    assert (refused.value.errors[0].pointer, refused.value.errors[0].code) == (
        "/cursor",
        "bad_cursor",
    )


def test_another_lists_cursor_is_refused():
    cursor = pagination.encode(datetime(2026, 1, 1, tzinfo=UTC).isoformat(), 7)
    with pytest.raises(Invalid):
        pagination.decode(cursor, int)


def test_the_first_page_needs_no_cursor():
    assert pagination.decode(None, int) is None

"""Lists by upload: lines that name members, in a file or in JSON, and which of them are nobody's.

A line may hold a member's id, number, phone number or e-mail address. A file may have a heading
that says which column is what; without one, the first column counts.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm import audit
from crm.db import config, db
from crm.errors import N_, Unprocessable
from crm.http.fields import ID
from crm.members import contacts
from crm.members.identity import MemberRef, resolve_many
from crm.segments.audiences import counting
from crm.segments.audiences.errors import AudienceNotFound, NotAList
from crm.segments.audiences.models import Audience

MOST_LINES = 100_000
MOST_TOLD = 1_000  # lines that a report names
LONGEST_LINE = 254
CHUNK = 10_000
HEADINGS = {
    **{"id": "id", "member_id": "id", "member_no": "member_no", "member number": "member_no"},
    **{"会员号": "member_no", "會員編號": "member_no", "phone": "phone", "mobile": "phone"},
    **{"手机": "phone", "手机号": "phone", "手機": "phone", "email": "email", "e-mail": "email"},
    **{"邮箱": "email", "電子郵件": "email"},
}
BEST_FIRST = ("id", "member_no", "phone", "email")
MODES = ("add", "replace", "remove")

ADD = text("""
    INSERT INTO audience_member (audience_id, member_id, added_at)
    SELECT :audience, i, :now FROM unnest(CAST(:ids AS uuid[])) AS i ORDER BY i
    ON CONFLICT DO NOTHING
""")
REMOVE = text("""
    DELETE FROM audience_member l USING member m
    WHERE l.audience_id = :audience AND m.id = l.member_id
      AND coalesce(m.merged_into, m.id) = ANY(CAST(:ids AS uuid[]))
""")
KEEP = text("""
    DELETE FROM audience_member
    WHERE audience_id = :audience AND member_id <> ALL(CAST(:ids AS uuid[]))
""")


class TooManyLines(Unprocessable):
    """A list of members is uploaded in parts (422): at most `most` lines at once."""

    code = "too_many_lines"
    detail = N_("Upload at most {most} lines at once.")


class NotReadable(Unprocessable):
    """The file is not a table of text (422)."""

    code = "list_not_readable"
    detail = N_("The file can't be read: save it as CSV in UTF-8.")


@dataclass(frozen=True)
class Line:
    """What stands in one line, its number counted from 1; `column` if a heading says it."""

    number: int
    value: str
    column: str | None = None


@dataclass(frozen=True)
class Report:
    """What came of an upload. `unknown_lines` has the first that are nobody's, values in part."""

    lines: int
    found: int
    added: int
    removed: int
    members: int
    unknown_count: int
    unknown_lines: Sequence[dict[str, Any]]


def of_values(values: Sequence[str]) -> list[Line]:
    """Lines of a JSON list. Raises `TooManyLines`."""
    return _limited([Line(number, one.strip()) for number, one in enumerate(values, 1)])


def of_file(raw: bytes) -> list[Line]:
    """Lines of a CSV file in UTF-8, parted by comma, semicolon or tab; empty ones are left out.

    Raises `NotReadable`, `TooManyLines`.
    """
    try:
        said = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotReadable() from None
    if "\0" in said:
        raise NotReadable()
    first = said.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return _limited(
            list(_lines(csv.reader(io.StringIO(said, newline=""), delimiter=delimiter)))
        )
    except csv.Error:
        raise NotReadable() from None


def _lines(rows: Iterator[list[str]]) -> Iterator[Line]:
    columns: list[tuple[str, int]] = []
    for number, row in enumerate(rows, 1):
        if number > MOST_LINES + 1:
            raise TooManyLines(most=MOST_LINES)
        cells = [cell.strip() for cell in row]
        if number == 1:
            names = {
                HEADINGS[cell.lower()]: n
                for n, cell in enumerate(cells)
                if cell.lower() in HEADINGS
            }
            columns = [(name, names[name]) for name in BEST_FIRST if name in names]
            if columns:
                continue
        if not any(cells):
            continue
        if columns:
            yield _by_heading(number, cells, columns)
        else:
            yield Line(number, next(cell for cell in cells if cell))


def _by_heading(number: int, cells: Sequence[str], columns: Sequence[tuple[str, int]]) -> Line:
    for name, place in columns:
        if place < len(cells) and cells[place]:
            return Line(number, cells[place], name)
    return Line(number, "")


def _limited(lines: list[Line]) -> list[Line]:
    if len(lines) > MOST_LINES:
        raise TooManyLines(most=MOST_LINES)
    return lines


def put(audience_id: UUID, lines: Sequence[Line], mode: str, *, now: datetime) -> Report:
    """Add the members of the lines to a list, take them off it, or let it have just these.

    The same upload again changes nothing. Raises `AudienceNotFound`, `NotAList`.
    """
    audience = db.session.get(Audience, audience_id, with_for_update=True)
    if audience is None:
        raise AudienceNotFound()
    if audience.kind != "list":
        raise NotAList()
    found = _resolve(lines)
    ids = sorted({one for one in found if one is not None})
    values = {"audience": audience_id, "ids": ids, "now": now}
    added = removed = 0
    if mode == "remove":
        removed = _changed(db.session.execute(REMOVE, values))
    else:
        if mode == "replace":
            removed = _changed(db.session.execute(KEEP, values))
        added = _changed(db.session.execute(ADD, values))
    if added or removed:
        audience.version += 1
        audience.changed_at = now
    members = counting.recount(audience, now=now)
    what = {"mode": mode, "lines": len(lines), "added": added, "removed": removed}
    audit.record("audience.uploaded", "audience", audience_id, after=what, now=now)
    unknown = [line for line, one in zip(lines, found, strict=True) if one is None]
    return Report(
        lines=len(lines),
        found=len(ids),
        added=added,
        removed=removed,
        members=members,
        unknown_count=len(unknown),
        unknown_lines=[_told(line) for line in unknown[:MOST_TOLD]],
    )


def _changed(result: Any) -> int:
    return result.rowcount


def _resolve(lines: Sequence[Line]) -> list[UUID | None]:
    """The members of the lines, in their order; a statement for each ten thousand references."""
    asked = [references(line) for line in lines]
    flat = [(place, ref) for place, refs in enumerate(asked) for ref in refs]
    found: list[UUID | None] = [None] * len(lines)
    for start in range(0, len(flat), CHUNK):
        part = flat[start : start + CHUNK]
        known = resolve_many([ref for _, ref in part])
        for (place, _), member_id in zip(part, known, strict=True):
            found[place] = found[place] or member_id
    return found


def references(line: Line) -> list[MemberRef]:
    """What a line may mean, the likeliest first; nothing for what names nobody."""
    value = line.value
    if not value or len(value) > LONGEST_LINE:
        return []
    readers = {"id": _id, "member_no": _number, "phone": _phone, "email": _email}
    wanted = [readers[line.column]] if line.column else list(readers.values())
    return [ref for read in wanted if (ref := read(value)) is not None]


def _id(value: str) -> MemberRef | None:
    return MemberRef("id", value.lower()) if ID.fullmatch(value) else None


def _number(value: str) -> MemberRef | None:
    plain = value.replace(" ", "")
    is_number = len(plain) == 10 and plain.isascii() and plain.isdigit()
    return MemberRef("member_no", plain) if is_number else None


def _phone(value: str) -> MemberRef | None:
    found = contacts.phone_or_none(value, config().phone_region)
    return MemberRef("phone", found) if found else None


def _email(value: str) -> MemberRef | None:
    found = contacts.email_or_none(value) if "@" in value else None
    return MemberRef("email", found) if found else None


def _told(line: Line) -> dict[str, Any]:
    """A line of the report. What was uploaded may be somebody's: most of it stays covered."""
    is_known = bool(references(line))
    value = line.value
    shown = value[:3] + "••••" + (value[-2:] if len(value) > 7 else "")
    return {
        "line": line.number,
        "value": shown,
        "code": "unknown_member" if is_known else "not_understood",
    }

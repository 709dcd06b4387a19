"""`rfm.moved_to`, `rfm.moved_from`: who came into a segment, or left one, ever or lately.

Of the moves that may be acted on: those that count, of runs that are done. Coming into the first
segment of all is one, without a segment that was left.
"""

from crm.i18n import N_
from crm.segments.audiences.field import Field
from crm.segments.audiences.kinds import WORDS
from crm.segments.audiences.vocabulary.rfm import segments

MOVES = "SELECT a.member_id FROM segment_move a WHERE {match} {within}"


def _field(name: str, label: str, about: str, column: str) -> Field:
    return Field(
        f"rfm.{name}",
        label,
        about,
        WORDS,
        MOVES,
        column=column,
        at="a.as_of",
        window="optional",
        choices=segments,
        closed=True,
    )


FIELDS = (
    _field(
        "moved_to",
        N_("Came into a segment"),
        N_("By a move that counts, ever or within so many days; the first segment too."),
        "a.to_code",
    ),
    _field(
        "moved_from",
        N_("Left a segment"),
        N_("By a move that counts, ever or within so many days."),
        "a.from_code",
    ),
)

"""A look at a source before the Liquid library reads it, in one pass.

The library's lexer takes time that grows with the square of what is opened and never closed, and
knows tags that templates do not take. What passes here is short, closed, and output or `if`.
"""

import re

from crm.errors import N_
from crm.http.fields import Said

MOST_MARKS = 500
LONGEST = 500  # characters between two pairs of braces
TAGS = ("if", "elsif", "else", "endif")
OPENING = re.compile(r"\{\{|\{%")
TAG = re.compile(r"-?\s*(\w*)")

NOT_CLOSED = N_("Line {line}: {opened} is never closed.")
TOO_LONG = N_("Line {line}: an output or condition has at most {most} characters.")
ONLY_IF = N_(
    "Line {line}: {tag} is not known here. Templates take output and if: no loops, assignments or "
    "includes."
)
TOO_MANY = N_("There are more than {most} outputs and conditions.")


def mistake(source: str) -> Said | None:
    """The first thing that the library must not see, if any."""
    place = marks = 0
    while (found := OPENING.search(source, place)) is not None:
        opened, start = found[0], found.end()
        place = source.find("}}" if opened == "{{" else "%}", start)
        marks += 1
        if marks > MOST_MARKS:
            return Said("too_many_marks", TOO_MANY, most=MOST_MARKS)
        line = source.count("\n", 0, found.start()) + 1
        if place < 0:
            return Said("liquid_not_closed", NOT_CLOSED, line=line, opened=opened)
        if place - start > LONGEST:
            return Said("too_long", TOO_LONG, line=line, most=LONGEST)
        name = TAG.match(source, start, place)
        if opened == "{%" and (name is None or name[1] not in TAGS):
            said = name[1][:40] if name else ""
            return Said("tag_not_allowed", ONLY_IF, line=line, tag=said or "{%")
        place += 2
    return None

"""What staff may type to find a name, as keys that are looked up by equality."""

from typing import NamedTuple

from crm.members.names.readings import syllables
from crm.members.names.writing import is_ideographic, plain, simplified, words

LONGEST_KEY = 12
MOST_KEYS = 160
MOST_SIGNS = 24
MOST_PARTS = 8


class NameKeys(NamedTuple):
    """`sort`: the name in plain Latin letters, by syllables. `keys`: sorted, without repeats."""

    sort: str | None
    keys: list[str]


def keys_of(name: str | None) -> NameKeys:
    """The sort key and the search keys of a name.

    Keys are: every ideograph and every two neighbours, folded to simplified; from every syllable
    or word on, the beginnings (2 letters or more) of what follows without spaces; initials from
    every syllable on; the full surname with the initials of the given name.

    >>> keys_of("林晓雯").sort
    'lin xiao wen'
    """
    runs = words(plain(name or ""))[:MOST_PARTS]
    if not runs:
        return NameKeys(None, [])
    signs = "".join(simplified(sign) for run in runs for sign in run if is_ideographic(sign))
    keys = set(ngrams(signs[:MOST_SIGNS]))
    # Only the first run has a surname to misread; the others have one reading.
    spoken = [
        syllables(run[:MOST_PARTS]) if is_ideographic(run[0]) else (1, [(run,)]) for run in runs
    ]
    rest = [part for _, readings in spoken[1:] for part in readings[0]]
    surname, readings = spoken[0]
    for reading in readings:
        keys.update(_typed([*reading, *rest][:MOST_PARTS], surname))
    for _, others in spoken[1:]:
        for reading in others[1:]:
            keys.update(_typed(list(reading), 1))
    first = [*readings[0], *rest]
    return NameKeys(" ".join(first)[:200], sorted(keys)[:MOST_KEYS])


def ngrams(signs: str) -> list[str]:
    """Every sign and every two neighbours."""
    return [*signs, *(signs[at : at + 2] for at in range(len(signs) - 1))]


def _typed(parts: list[str], surname: int) -> set[str]:
    keys = set()
    for start in range(len(parts)):
        rest = "".join(parts[start:])[:LONGEST_KEY]
        keys.update(rest[:end] for end in range(2, len(rest) + 1))
        initials = "".join(part[0] for part in parts[start:])
        keys.update(initials[:end] for end in range(2, min(len(initials), 4) + 1))
    given = "".join(part[0] for part in parts[surname:])
    full = "".join(parts[:surname]) + given
    keys.update(full[:end] for end in range(len(full) - len(given), len(full) + 1))
    return {key[:LONGEST_KEY] for key in keys if len(key) > 1}

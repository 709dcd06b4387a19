"""The keys of what was typed, by the same folding that made the keys of the names."""

from crm.members.names.keys import LONGEST_KEY
from crm.members.names.writing import is_ideographic, plain, simplified, words

MOST_QUERY_KEYS = 8


def keys_of_query(text: str) -> list[str]:
    """The keys that a name must have, all of them; empty when the text is too short to look for.

    A Chinese character counts by itself, Latin letters from two on; single letters in a row
    are initials (`l x w`). Words may come in any order.
    """
    keys: list[str] = []
    letters = ""
    for run in words(plain(text)):
        if is_ideographic(run[0]):
            keys += _pairs("".join(map(simplified, run)))
        elif len(run) == 1:
            letters += run
        else:
            keys.append(run[:LONGEST_KEY])
    if len(letters) > 1:
        keys.append(letters[:4])
    return list(dict.fromkeys(keys))[:MOST_QUERY_KEYS]


def _pairs(signs: str) -> list[str]:
    if len(signs) == 1:
        return [signs]
    return [signs[at : at + 2] for at in range(len(signs) - 1)]

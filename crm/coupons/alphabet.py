"""How codes look: letters and digits that nobody takes for one another, drawn by the system's
source of cryptographic randomness."""

import re
import secrets

LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # 31: without 0 O, 1 I L
LENGTH = 12  # 31^12 codes: with a million in use a guess hits once in 10^12
FORM = r"[A-Z0-9](?:[A-Z0-9_-]{2,38}[A-Z0-9])"  # what pools of other makers may bring

_FAIR = 256 - 256 % len(LETTERS)  # bytes from here on would favour the first letters
_TO_LETTER = bytes(ord(LETTERS[byte % len(LETTERS)]) for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))


def draw(count: int) -> list[str]:
    """So many new codes; that two are equal, or exist, is left to the database to find."""
    wanted, drawn = count * LENGTH, bytearray()
    while len(drawn) < wanted:
        missing = wanted - len(drawn)
        drawn += secrets.token_bytes(missing + 16).translate(_TO_LETTER, _UNFAIR)
    letters = drawn[:wanted].decode("ascii")
    return [letters[at : at + LENGTH] for at in range(0, wanted, LENGTH)]


def normal(code: str) -> str:
    """A code as it is stored: without spaces, in capitals."""
    return "".join(code.split()).upper()


def is_code(code: str) -> bool:
    """Whether a code, normalised, may exist: 4 to 40 of A-Z, 0-9, - and _ in between."""
    return re.fullmatch(FORM, code, re.ASCII) is not None

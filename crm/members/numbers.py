"""Member numbers: ten digits, the last a Luhn check digit; drawn, so that none can be guessed."""

import re
import secrets

SHAPE = re.compile(r"[1-9]\d{9}", re.ASCII)


def check_digit(digits: str) -> str:
    """The Luhn digit that follows `digits` (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, sign in enumerate(reversed(digits)):
        value = int(sign) * (1 + (place % 2 == 0))
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def is_number(text: str) -> bool:
    """Whether `text` can be a member number: its shape and its check digit are right."""
    return SHAPE.fullmatch(text) is not None and check_digit(text[:-1]) == text[-1]


def draw() -> str:
    """A random member number; whoever stores it makes sure that nobody has it yet."""
    digits = str(100_000_000 + secrets.randbelow(900_000_000))
    return digits + check_digit(digits)

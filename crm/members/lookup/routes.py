"""What was typed can be: a member number, a phone or its end, an e-mail address, a name."""

import re
import unicodedata
from typing import NamedTuple

from crm.members import contacts, numbers, ranking
from crm.members.names import keys_of_query

SHORTEST_ENDING = 4
SHORTEST_PHONE = 7
SHORTEST_EMAIL = 3
DIGITS_ONLY = re.compile(r"[+\d\s().\-/‐-―·]+")
TEN_DIGITS = re.compile(r"(?<!\d)\d{10}(?!\d)", re.ASCII)
CODE = re.compile(r"[!-~]+", re.ASCII)
EMAIL_LIKE = re.compile(r"[a-z0-9!#$%&*+=?^_{|}~.\-]+", re.ASCII)


class Route(NamedTuple):
    """One way to look: its shape, and the value or the keys to look for."""

    shape: str  # member_no, phone, phone_end, email, email_prefix, name
    value: str = ""
    keys: tuple[str, ...] = ()


def routes(typed: str, region: str) -> list[Route]:
    """The ways to look for what was typed, most telling first; none when it is too short."""
    text = unicodedata.normalize("NFKC", typed).strip()
    if DIGITS_ONLY.fullmatch(text):
        return _of_digits(text, region)
    found = []
    if CODE.fullmatch(text):
        # What a scanner reads: the number, maybe with a prefix or inside an address.
        found += [
            Route("member_no", run) for run in TEN_DIGITS.findall(text) if numbers.is_number(run)
        ]
    found += _of_email(text.lower())
    if "@" not in text:
        keys = tuple(keys_of_query(text))
        found += [Route("name", text, keys)] if keys else []
    return found


def _of_digits(text: str, region: str) -> list[Route]:
    digits = re.sub(r"\D", "", text)
    found = [Route("member_no", digits)] if numbers.is_number(digits) else []
    if len(digits) >= SHORTEST_PHONE:
        whole = contacts.phone_or_none(text, region)
        found += [Route("phone", whole)] if whole else []
    if SHORTEST_ENDING <= len(digits) <= 15:
        found.append(Route("phone_end", digits, (ranking.ending_key(digits),)))
    return found


def _of_email(text: str) -> list[Route]:
    local, at, _ = text.partition("@")
    if at:
        whole = contacts.email_or_none(text)
        exact = [Route("email", whole)] if whole else []
        prefix = [Route("email_prefix", text)] if len(local) >= SHORTEST_EMAIL else []
        return exact + prefix
    # Only what a name would hardly be: digits, dots or underscores beside letters.
    if len(text) >= SHORTEST_EMAIL and EMAIL_LIKE.fullmatch(text) and not text.isalpha():
        return [Route("email_prefix", text)]
    return []

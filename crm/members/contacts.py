"""Phones and e-mail addresses in one writing each, and how they are shown in part."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import PhoneNumberFormat, ValidationResult

from crm.errors import N_
from crm.members.errors import invalid_field

LONGEST_EMAIL = 254
GOOGLE = ("gmail.com", "googlemail.com")
SIGNS = re.compile(r"[+\d\s().\-/‐-―·]{4,40}")
CHINESE_MOBILE = re.compile(r"(\+86|)(1[3-9]\d{9})", re.ASCII)
BULLETS = "••••"

INVALID_PHONE = N_(
    "This is not a phone number. Write it with its country code, or as dialled here."
)
INVALID_EMAIL = N_("This is not an e-mail address.")


@lru_cache(maxsize=4096)
def phone_or_none(text: str, region: str) -> str | None:
    """The E.164 form of a phone number in any writing; None if it can't be one.

    Numbers without a country code are of `region` (ISO 3166). A number counts when its length is
    possible in its country: ranges are given out faster than tables of them are released.
    """
    usual = CHINESE_MOBILE.fullmatch(text)
    if usual and (usual[1] or region == "CN"):  # a hundred times faster, and most of all numbers
        return f"+86{usual[2]}"
    plain = unicodedata.normalize("NFKC", text).replace("·", " ").strip()
    if not SIGNS.fullmatch(plain):
        return None
    try:
        number = phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def phone(text: str, region: str, pointer: str = "/phone") -> str:
    """The E.164 form of a phone number. Raises `Invalid` (`invalid_phone`)."""
    found = phone_or_none(text, region)
    if found is None:
        raise invalid_field(pointer, "invalid_phone", INVALID_PHONE)
    return found


def email_or_none(text: str) -> str | None:
    """An e-mail address in lower case and composed form; None if it can't be one.

    The domain is not looked up; `.test` is taken, so that integrators can use it (RFC 6761).
    Internationalised addresses are kept as Unicode.
    """
    if len(text) > LONGEST_EMAIL:
        return None
    try:
        found = validate_email(
            text.strip(), check_deliverability=False, test_environment=True
        ).normalized
    except EmailNotValidError:
        return None
    return found.casefold() if "." in found.rpartition("@")[2] else None


def email(text: str, pointer: str = "/email") -> str:
    """The one writing of an e-mail address. Raises `Invalid` (`invalid_email`)."""
    found = email_or_none(text)
    if found is None:
        raise invalid_field(pointer, "invalid_email", INVALID_EMAIL)
    return found


def mailbox(address: str) -> str:
    """The box behind a normalised address: without what follows a `+`, at Google without dots.

    Only to see that two addresses are one person's; nothing is ever sent there.
    """
    name, _, domain = address.rpartition("@")
    name = name.partition("+")[0] or name
    if domain in GOOGLE:
        name, domain = name.replace(".", ""), GOOGLE[0]
    return f"{name}@{domain}"


def masked_phone(e164: str, region: str) -> str:
    """`138 •••• 4471` for a number of `region`, `+852 •••• 4567` for any other."""
    number = phonenumbers.parse(e164)
    national = phonenumbers.national_significant_number(number)
    last = national[-4:]
    if number.country_code == phonenumbers.country_code_for_region(region) and len(national) > 8:
        return f"{national[:3]} {BULLETS} {last}"
    return f"+{number.country_code} {BULLETS} {last}"


def masked_email(address: str) -> str:
    """The first character and the domain: `l•••@example.com`."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}•••@{domain}"

"""Links to surveys: signed, without login, and no secret of the shop's in them."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from hashlib import blake2b, sha256
from uuid import UUID

from crm.campaigns.surveys.errors import SurveyLinkNotValid
from crm.db import config

PURPOSE = b"regulars survey 1"
SIGNED = 16  # bytes of the signature: 128 bits


def url(survey_id: UUID) -> str:
    """The address at which this survey is answered."""
    return f"{config().base_url.rstrip('/')}/s/{token(survey_id)}"


def token(survey_id: UUID) -> str:
    """What the address ends with: the survey's id and a signature, 43 characters."""
    return urlsafe_b64encode(survey_id.bytes + _sign(survey_id)).rstrip(b"=").decode()


def read(given: str) -> UUID:
    """The survey that a token names. Raises `SurveyLinkNotValid`."""
    try:
        raw = urlsafe_b64decode(given.encode("ascii") + b"=" * (-len(given) % 4))
        survey_id = UUID(bytes=raw[:-SIGNED])
    except (NotBase64, UnicodeEncodeError, ValueError):
        raise SurveyLinkNotValid() from None
    # Compared as text: a token has one spelling only.
    if not hmac.compare_digest(given, token(survey_id)):
        raise SurveyLinkNotValid()
    return survey_id


def _sign(survey_id: UUID) -> bytes:
    key = sha256(PURPOSE + config().secret_key.encode()).digest()
    return blake2b(survey_id.bytes, digest_size=SIGNED, key=key).digest()

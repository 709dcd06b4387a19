"""Links in messages: signed, valid for ever, and no secret of the shop's in them.

The link that opts out names the member, the channel and the message that carried it, so that it
works when the message is long gone, and so that results can tell which message made somebody leave.
The links that are counted name the message; what they lead to stands in the template's version, so
that nobody can make one that leads elsewhere.
"""

import hmac
from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from binascii import b2a_base64
from dataclasses import dataclass
from hashlib import blake2b, sha256
from uuid import UUID

from crm.config import Config
from crm.messages.errors import LinkNotValid
from crm.messages.states import CHANNELS

PURPOSE = b"regulars unsubscribe 1"
URL_SAFE = bytes.maketrans(b"+/", b"-_")
OPENED = "gif"  # stands where a link has its number
SIGNED = 16  # bytes of the signature: 128 bits


@dataclass(frozen=True, slots=True)
class Leaving:
    """Who wants to hear no more marketing, by which channel, and what message he answers."""

    member_id: UUID
    channel: str
    message_id: UUID


class Links:
    """Makes and reads links; one per process, for its key is derived once."""

    def __init__(self, settings: Config) -> None:
        key = sha256(PURPOSE + settings.secret_key.encode()).digest()
        self.keyed = blake2b(digest_size=SIGNED, key=key)  # copied for each, which is faster
        self.base = f"{settings.base_url.rstrip('/')}/u/"
        self.counted_base = f"{settings.base_url.rstrip('/')}/l/"

    def unsubscribe(self, member_id: UUID, channel: str, message_id: UUID) -> str:
        """The address at which this member leaves."""
        said = bytes((CHANNELS.index(channel),)) + member_id.bytes + message_id.bytes
        return self.base + self._token(said)  # of 49 bytes

    def counted(self, message_id: UUID) -> str:
        """The beginning of this message's links: its number follows, or `OPENED`."""
        return f"{self.counted_base}{self._token(message_id.bytes)}."  # of 32 bytes

    def read(self, token: str) -> Leaving:
        """What a token says. Raises `LinkNotValid`."""
        said = self._said(token, 33)
        return Leaving(UUID(bytes=said[1:17]), CHANNELS[said[0]], UUID(bytes=said[17:33]))

    def read_counted(self, token: str) -> UUID:
        """The message that a token names. Raises `LinkNotValid`."""
        return UUID(bytes=self._said(token, 16))

    def _token(self, said: bytes) -> str:
        token = b2a_base64(said + self._sign(said), newline=False)
        return token.translate(URL_SAFE, b"=").decode("ascii")

    def _said(self, token: str, length: int) -> bytes:
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (NotBase64, UnicodeEncodeError, ValueError):
            raise LinkNotValid() from None
        said, signature = raw[:-SIGNED], raw[-SIGNED:]
        if len(said) != length or not hmac.compare_digest(signature, self._sign(said)):
            raise LinkNotValid()
        return said

    def _sign(self, said: bytes) -> bytes:
        signing = self.keyed.copy()
        signing.update(said)
        return signing.digest()

"""Mail to people who work here. It is no message to a member: it has no row, no consent and no
hours, and whoever sends it sees to it that it is sent once (a task with a key). The sandbox shows
it among what would have been sent."""

from dataclasses import dataclass
from uuid import UUID

from crm.messages import channels
from crm.messages.channels.provider import Outgoing, Refused, TryLater
from crm.messages.templates.forms import SUBJECT, TEXT, Form, Language

SECONDS = 30  # for one letter


@dataclass(frozen=True, slots=True)
class Note:
    """One mail. `id` stands in its Message-ID, so a mailbox knows one that is sent again."""

    id: UUID
    address: str
    locale: str
    subject: str
    text: str


class NotTaken(Exception):
    """The mail server takes nothing now: try again later."""


def is_possible() -> bool:
    """Whether anybody takes mail here."""
    return channels.provider_of("email") is not None


def send(note: Note) -> bool:
    """Give it to the shop's mail server, outside of any transaction; False where the server will
    never take it, or there is none. One whose answer was lost counts as sent. Raises `NotTaken`.
    """
    provider = channels.provider_of("email")
    if provider is None:
        return False
    (outcome,) = provider.send([_outgoing(note)], seconds=SECONDS)
    if isinstance(outcome, TryLater):
        raise NotTaken(outcome.code)
    return not isinstance(outcome, Refused)


def _outgoing(note: Note) -> Outgoing:
    said = {SUBJECT: Form((note.subject,), ()), TEXT: Form((note.text,), ())}
    return Outgoing(
        id=note.id,
        fence=0,
        member_id=note.id,  # nobody's
        purpose="service",
        address=note.address,
        language=Language(note.locale, said, ()),
        values=(),
        given={},
        template=(note.id, 0),
        attempt=1,
        unsubscribe=None,
        by_consent=False,
    )

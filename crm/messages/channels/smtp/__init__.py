"""E-mail over SMTP."""

from collections.abc import Mapping, Sequence
from typing import ClassVar
from uuid import UUID

from crm.config import Config
from crm.messages.channels.provider import Journal, Outcome, Outgoing, Refused
from crm.messages.channels.smtp.connecting import Server
from crm.messages.channels.smtp.letters import Letters, date_header, is_address, to_ascii
from crm.messages.channels.smtp.line import Letter
from crm.messages.channels.smtp.lines import Lines
from crm.messages.channels.smtp.sending import Sending

PER_CONNECTION = 25  # letters of a batch for each connection
MOST = 500


class Smtp:
    """A mail server. It knows no references: what may have gone, nobody can say.

    A letter that is sent again has the same Message-ID, by which mailboxes know it again.
    """

    name = "smtp"
    honours_references: ClassVar[bool] = False
    keeps_journal: ClassVar[bool] = True

    def __init__(self, server: Server, sender: str, connections: int) -> None:
        self.letters = Letters(sender)
        self.lines = Lines(server, connections)
        self.batch = min(connections * PER_CONNECTION, MOST)

    def send(
        self, batch: Sequence[Outgoing], *, seconds: float, journal: Journal | None = None
    ) -> Sequence[Outcome]:
        """Send letters; those whose address can't be one are refused without asking."""
        date = date_header()
        outcomes: dict[int, Outcome] = {}
        letters = []
        for place, one in enumerate(batch):
            address = to_ascii(one.address)
            if not is_address(address):
                outcomes[place] = Refused("not an address for mail", bad_address=True)
                continue
            letters.append(self._letter(place, one, address, date))
        sent = Sending(self.lines, letters, seconds, journal).run()
        outcomes |= {letter.place: outcome for letter, outcome in zip(letters, sent, strict=True)}
        return [outcomes[place] for place in range(len(batch))]

    def look_up(self, ids: Sequence[UUID]) -> Mapping[UUID, Outcome]:
        """Nothing: a mail server can't be asked."""
        return {}

    def _letter(self, place: int, one: Outgoing, address: str, date: bytes) -> Letter:
        return Letter(
            place, self.letters.address, address, lambda: self.letters.write(one, address, date)
        )


def provider(settings: Config) -> Smtp | None:
    """The mail server of the settings, or None."""
    if not settings.smtp_host:
        return None
    sender = settings.smtp_from
    server = Server(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        user=settings.smtp_user,
        password=settings.smtp_password,
        name=Letters(sender).domain,
        seconds=settings.smtp_timeout_seconds,
        ca_file=settings.smtp_ca_file,
    )
    return Smtp(server, sender, settings.smtp_connections)

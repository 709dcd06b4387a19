"""Test sends: a template as it stands, to an address of one's own, through the real channel.

It is a message like any other, with a row, tries and an outcome; but it is nobody's marketing: no
consent, no quiet hours and no caps are asked (`crm.messages.eligibility`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from crm import audit
from crm.db import config, db
from crm.errors import N_, FieldError, Invalid
from crm.ids import uuid7
from crm.members import contacts
from crm.messages import planning, reading
from crm.messages.planning import HIGHEST, Source
from crm.messages.states import TEST
from crm.messages.templates import store
from crm.messages.templates.previewing import SAMPLE_WAY_OUT

NEEDS_ADDRESS = N_("Say to which address the test goes.")
NO_ADDRESS = N_("Messages of this channel go to the member himself; leave the address out.")


def send(
    template_id: UUID, member_id: UUID, body: Mapping[str, Any], *, now: datetime
) -> dict[str, Any]:
    """Plan a test, filled in for a member; it goes at once.

    `body`: maybe `to`, `locale`, `variables`, and `version` (the newest if not given). Raises
    `TemplateNotFound`, `TemplateArchived`, `Invalid`.
    """
    found = store.get(template_id)
    address = _address(found.channel, body.get("to"))
    message = planning.plan(
        member_id,
        occasion=f"test:{uuid7()}",
        template_id=template_id,
        version=body.get("version"),
        source=Source(TEST, str(template_id)),
        now=now,
        variables=_variables(body.get("variables", {})),
        priority=HIGHEST,
    )
    assert message is not None, "the occasion is new"
    message.purpose, message.address, message.locale = "service", address, body.get("locale")
    audit.record("template.tested", "template", template_id, now=now)
    db.session.flush()
    return reading.document(message)


def _address(channel: str, given: str | None) -> str | None:
    if channel not in ("email", "sms"):
        if given is not None:
            raise Invalid([FieldError("/to", "not_of_channel", NO_ADDRESS)])
        return None
    if given is None:
        raise Invalid([FieldError("/to", "required", NEEDS_ADDRESS)])
    if channel == "email":
        return contacts.email(given, "/to")
    return contacts.phone(given, config().phone_region, "/to")


def _variables(given: Mapping[str, Any]) -> dict[str, Any]:
    way_out = config().base_url.rstrip("/") + SAMPLE_WAY_OUT
    return {**given, "links": {**given.get("links", {}), "unsubscribe": way_out}}

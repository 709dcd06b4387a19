"""The version of a template that messages are planned with."""

from dataclasses import dataclass
from uuid import UUID

from crm.db import db
from crm.messages.errors import TemplateArchived, TemplateNotFound
from crm.messages.models import MessageTemplate


@dataclass(frozen=True, slots=True)
class Wording:
    """A version of a template, with the channel and the purpose that all its versions
    share; no template for members who get nothing. `archived` is the code of one that is."""

    template_id: UUID | None
    version: int | None
    channel: str
    purpose: str
    archived: str | None = None


def wording(template_id: UUID, version: int | None = None) -> Wording:
    """The newest version of a template, or the one named. Raises `TemplateNotFound`."""
    found = db.session.get(MessageTemplate, template_id)
    if found is None or (version or 1) > found.version:
        raise TemplateNotFound()
    archived = found.code if found.archived_at is not None else None
    return Wording(found.id, version or found.version, found.channel, found.purpose, archived)


def usable(template_id: UUID, version: int | None = None) -> Wording:
    """As `wording`. Raises `TemplateArchived` too, unless a version is named: who began with one
    goes on with it."""
    said = wording(template_id, version)
    if said.archived is not None and version is None:
        raise TemplateArchived(template=said.archived)
    return said


def said(
    template_id: UUID | None, channel: str, purpose: str, version: int | None = None
) -> Wording:
    """The template's version, or none of the channel and purpose given. Raises as `usable`."""
    if template_id is None:
        return Wording(None, None, channel, purpose)
    return usable(template_id, version)

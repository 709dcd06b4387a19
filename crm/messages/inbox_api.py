"""The in-app inbox over HTTP."""

from typing import Any
from uuid import UUID

from crm import clock
from crm.db import transaction
from crm.http import Blueprint, Schema, fields, needs
from crm.http.pagination import PageQuery, page_of
from crm.members import profiles
from crm.messages import inbox
from crm.messages.states import PURPOSES

blp = Blueprint("inbox", __name__, description="Messages that members read in the shop's app.")


class InboxQuery(PageQuery):
    """Maybe those only that are not read yet."""

    unread = fields.Flag(load_default=False)


class InboxItemOut(Schema):
    """A message as the member reads it."""

    id = fields.Id()
    purpose = fields.Choice(*PURPOSES)
    locale = fields.Text()
    subject = fields.Text(allow_none=True)
    text = fields.Text()
    at = fields.Instant()
    read_at = fields.Instant(allow_none=True)


class InboxPage(type(page_of(InboxItemOut))):  # type: ignore[misc]  # a page with one figure more
    """One page, and how many of all are unread."""

    unread = fields.Whole(required=True)


class ReadIn(Schema):
    """Read, or not."""

    read = fields.Flag(required=True)


@blp.get("/members/<uuid:member_id>/inbox")
@needs("inbox:use")
@blp.arguments(InboxQuery, location="query")
@blp.response(200, InboxPage)
def list_inbox(query: dict[str, Any], member_id: UUID):
    """A member's in-app messages, newest first, with how many are unread."""
    profiles.require(member_id)
    return inbox.page(
        member_id, limit=query["limit"], cursor=query["cursor"], unread=query["unread"]
    )


@blp.put("/members/<uuid:member_id>/inbox/<uuid:message_id>")
@needs("inbox:use")
@blp.arguments(ReadIn)
@blp.response(200, InboxItemOut)
def mark_inbox(body: dict[str, Any], member_id: UUID, message_id: UUID):
    """Mark a message as read, or as not read."""
    profiles.require(member_id)
    with transaction():
        return inbox.mark(member_id, message_id, read=body["read"], now=clock.now())

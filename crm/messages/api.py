"""The API of messages: reading them, trying one again, the policy."""

from typing import Any
from uuid import UUID

from flask import Response, jsonify

from crm import clock
from crm.db import transaction
from crm.http import Blueprint, idempotent, needs
from crm.http.pagination import PageQuery
from crm.members import profiles
from crm.messages import policy, reading
from crm.messages.schemas import (
    MessageOut,
    MessagePage,
    MessagePolicyIn,
    MessagePolicyOut,
    MessageQuery,
    MessageWithEventsOut,
    RetryIn,
)

blp = Blueprint("messages", __name__, description="What members are told, when and why not.")


@blp.get("/messages")
@needs("messages:read")
@blp.arguments(MessageQuery, location="query")
@blp.response(200, MessagePage)
def list_messages(query: dict[str, Any]):
    """Messages, newest first."""
    return reading.page(query, limit=query["limit"], cursor=query["cursor"])


@blp.get("/members/<uuid:member_id>/messages")
@needs("messages:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, MessagePage)
def list_messages_of_member(query: dict[str, Any], member_id: UUID):
    """A member's messages, newest first."""
    member = profiles.require(member_id)
    return reading.page({"member": member}, limit=query["limit"], cursor=query["cursor"])


@blp.get("/messages/<uuid:message_id>")
@needs("messages:read")
@blp.response(200, MessageWithEventsOut)
def read_message(message_id: UUID):
    """One message, with what became of it."""
    return reading.get(message_id)


@blp.post("/messages/<uuid:message_id>/retry")
@needs("messages:write")
@idempotent
@blp.arguments(RetryIn)
@blp.alt_response(200, schema=MessageOut)
def retry_message(body: dict[str, Any], message_id: UUID) -> Response:
    """Try a message again that failed, or of which nobody knows whether it went.

    It goes by the rules of any other: consent, quiet hours and caps are asked anew.
    """
    return jsonify(MessageOut().dump(reading.retry(message_id, now=clock.now())))


@blp.get("/message-policy")
@needs("messages:read")
@blp.response(200, MessagePolicyOut)
def read_policy():
    """Quiet hours, caps, retries and rates in force."""
    return policy.document()


@blp.put("/message-policy")
@needs("messages:write")
@blp.arguments(MessagePolicyIn)
@blp.response(200, MessagePolicyOut)
def write_policy(body: dict[str, Any]):
    """Change the policy; what is not named stays. It counts at once."""
    with transaction():
        return policy.put(body, now=clock.now())

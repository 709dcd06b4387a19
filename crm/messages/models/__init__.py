"""Tables of messages."""

from crm.messages.models.coming import InboxMessage, MessageReply
from crm.messages.models.messages import (
    Message,
    MessageCount,
    MessageEvent,
    MessageFlight,
    SandboxMessage,
)
from crm.messages.models.stops import (
    MessageBlock,
    MessageDay,
    MessagePolicy,
    MessageProvider,
    MessageSource,
    Suppression,
)
from crm.messages.models.templates import MessageTemplate, MessageTemplateVersion

__all__ = [
    "InboxMessage",
    "Message",
    "MessageBlock",
    "MessageCount",
    "MessageDay",
    "MessageEvent",
    "MessageFlight",
    "MessagePolicy",
    "MessageProvider",
    "MessageReply",
    "MessageSource",
    "MessageTemplate",
    "MessageTemplateVersion",
    "SandboxMessage",
    "Suppression",
]

"""Move the clock and see what happens: birthdays, releases and expiry in seconds."""

from crm import clock
from crm.http import Blueprint, Schema, fields, needs
from crm.messages import reading
from crm.messages.schemas import SandboxPage, SandboxQuery
from crm.sandbox import advance as advancing

blp = Blueprint("sandbox", __name__, description="A test clock, in sandbox mode only.")


class ClockIn(Schema):
    """Where to move the clock: forward only."""

    now = fields.Instant(required=True)


class ClockOut(Schema):
    """The sandbox's time, whether it stands, and what ran on the way."""

    now = fields.Instant(required=True)
    standing = fields.Flag(required=True)
    ran = fields.Mapping(values=fields.Whole())


@blp.get("/sandbox/clock")
@needs("sandbox:manage")
@blp.response(200, ClockOut)
def read_clock():
    """The time that rules go by."""
    return {"now": clock.now(), "standing": advancing.is_standing()}


@blp.post("/sandbox/clock")
@needs("sandbox:manage")
@blp.arguments(ClockIn)
@blp.response(200, ClockOut)
def move_clock(body):
    """Move time forward; answers when every job that fell due on the way has run, in order."""
    ran = advancing.advance(body["now"])
    return {"now": clock.now(), "standing": True, "ran": ran}


@blp.get("/sandbox/messages")
@needs("messages:read")
@blp.arguments(SandboxQuery, location="query")
@blp.response(200, SandboxPage)
def list_sandbox_messages(query):
    """What would have been sent, newest first: to members, and mail to staff."""
    return reading.sandbox_page(query["member"], limit=query["limit"], cursor=query["cursor"])

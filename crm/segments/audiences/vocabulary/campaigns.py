"""`campaign.*`: what campaigns did with the member, from the messages that they wrote."""

from typing import Any

from crm.i18n import N_
from crm.segments.audiences.field import Field, Scope
from crm.segments.audiences.kinds import IDS

# What a record got before it was merged, the one that lives on has got.
MESSAGES = """
    SELECT coalesce(p.merged_into, g.member_id) AS member_id FROM message g
    LEFT JOIN member p ON p.id = g.member_id AND p.merged_into IS NOT NULL"""
OF_CAMPAIGNS = "WHERE g.source_type = 'campaign' AND {match}"
PLANNED = f"{MESSAGES} {OF_CAMPAIGNS} {{within}}"
SENT = f"""{MESSAGES}
    {OF_CAMPAIGNS} AND g.sent_at IS NOT NULL AND g.state IN ('sent', 'delivered') {{within}}"""
HOLDOUT = f"{MESSAGES} {OF_CAMPAIGNS} AND g.state = 'holdout' {{within}}"


def _event(kind: str) -> str:
    return f"""{MESSAGES}
    JOIN message_event e ON e.message_id = g.id
    {OF_CAMPAIGNS} AND e.kind = '{kind}' {{within}}"""


def _as_text(_: Scope, op: str, value: Any) -> tuple[str, Any]:
    """Messages name their source by text."""
    if op == "in":
        return op, [str(one) for one in value]
    return op, str(value) if op == "has" else value


def _field(name: str, label: str, about: str, sql: str, at: str) -> Field:
    return Field(
        f"campaign.{name}",
        label,
        about,
        IDS,
        sql,
        column="g.source_id",
        at=at,
        window="optional",
        prepare=_as_text,
    )


FIELDS = (
    _field(
        "planned",
        N_("Was in a campaign"),
        N_("Of this id or any, whatever came of it, ever or within so many days."),
        PLANNED,
        "g.created_at",
    ),
    _field(
        "sent",
        N_("Got a campaign's message"),
        N_("Of this campaign or any, ever or within so many days."),
        SENT,
        "g.sent_at",
    ),
    _field(
        "holdout",
        N_("Was held out of a campaign"),
        N_("In the group that gets nothing, to compare with."),
        HOLDOUT,
        "g.created_at",
    ),
    _field(
        "opened",
        N_("Opened a campaign's message"),
        N_("As far as the channel tells."),
        _event("opened"),
        "e.at",
    ),
    _field(
        "clicked",
        N_("Clicked in a campaign's message"),
        N_("As far as the channel tells."),
        _event("clicked"),
        "e.at",
    ),
)

"""What stands in the console's navigation: what exists, and what this person may open."""

from collections.abc import Iterator
from dataclasses import dataclass

from crm.errors import N_
from crm.http.principal import Principal


@dataclass(frozen=True)
class Place:
    """One entry. `pages` are the endpoints that it stands for, the first being its own."""

    icon: str
    name: str
    permission: str
    pages: tuple[str, ...]


GROUPS: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        "",
        (
            Place(
                "till",
                N_("Till"),
                "members:read",
                (
                    "console.till",
                    "console.find",
                    "console.member",
                    "console.reveal",
                    "console.member_ledger",
                    "console.entry_page",
                    "console.order",
                    "console.adjust_form",
                    "console.adjust",
                    "console.reverse_form",
                    "console.reverse",
                    "console.member_rewards",
                    "console.take_reward",
                    "console.cancel_reward",
                    "console.hand_over_reward",
                ),
            ),
            Place(
                "ok",
                N_("Approvals"),
                "approvals:read",
                ("console.approvals_page", "console.approvals_history"),
            ),
            Place(
                "case",
                N_("Cases"),
                "cases:read",
                (
                    "console.cases_page",
                    "console.case_page",
                    "console.change_case",
                    "console.take_case",
                    "console.change_case_policy",
                    "console.case_form",
                    "console.open_case",
                ),
            ),
            Place("member", N_("Referrals"), "points:read", ("console.referrals_page",)),
        ),
    ),
    (
        N_("Marketing"),
        (
            Place(
                "send",
                N_("Campaigns"),
                "campaigns:read",
                (
                    "console.campaigns",
                    "console.campaign",
                    "console.new_campaign",
                    "console.create_campaign",
                    "console.campaign_step",
                    "console.save_campaign_step",
                    "console.launch_campaign",
                    "console.pause_campaign",
                    "console.resume_campaign",
                    "console.cancel_campaign",
                    "console.campaign_recipients",
                    "console.campaign_report",
                    "console.campaign_calendar",
                    "console.campaign_limits",
                    "console.change_campaign_limits",
                ),
            ),
            Place(
                "coupon",
                N_("Coupons"),
                "coupons:read",
                (
                    "console.coupons",
                    "console.coupon",
                    "console.new_coupon",
                    "console.create_coupon",
                    "console.edit_coupon",
                    "console.change_coupon",
                    "console.add_coupon_codes",
                    "console.coupon_check",
                    "console.check_coupon",
                ),
            ),
            Place(
                "gift",
                N_("Rewards"),
                "rewards:read",
                (
                    "console.rewards",
                    "console.reward",
                    "console.new_reward",
                    "console.create_reward",
                    "console.change_reward",
                ),
            ),
            Place(
                "msg",
                N_("Templates"),
                "templates:read",
                (
                    "console.templates",
                    "console.new_template",
                    "console.create_template",
                    "console.template",
                    "console.change_template",
                    "console.test_template",
                ),
            ),
            Place(
                "phone",
                N_("Messages"),
                "messages:read",
                ("console.outbox", "console.message", "console.member_messages"),
            ),
            Place("star", N_("Satisfaction"), "surveys:read", ("console.surveys_page",)),
            Place(
                "route",
                N_("Journeys"),
                "journeys:read",
                ("console.journeys", "console.journey", "console.change_journey"),
            ),
            Place(
                "segment", N_("Segments"), "segments:read", ("console.segments", "console.segment")
            ),
            Place(
                "filter",
                N_("Audiences"),
                "audiences:read",
                (
                    "console.audiences",
                    "console.audience",
                    "console.new_audience",
                    "console.edit_audience",
                    "console.create_audience_page",
                    "console.change_audience_page",
                    "console.upload_audience",
                    "console.draft_audience",
                ),
            ),
        ),
    ),
    (
        N_("Programme"),
        (
            Place(
                "ladder",
                N_("Tiers and rules"),
                "programme:read",
                (
                    "console.programme",
                    "console.settings",
                    "console.change_settings",
                    "console.settings_version",
                    "console.ladder",
                    "console.change_ladder",
                    "console.ladder_version",
                    "console.rules_page",
                    "console.rule",
                    "console.new_rule",
                    "console.edit_rule",
                    "console.create_rule",
                    "console.change_rule",
                    "console.try_rule",
                ),
            ),
            Place("point", N_("Liability"), "ledger:read", ("console.liability_page",)),
            Place("import", N_("Background work"), "tasks:read", ("console.tasks",)),
            Place("code", N_("Developers"), "keys:manage", ("console.developers",)),
            Place("shield", N_("Trust"), "ledger:read", ("console.trust",)),
        ),
    ),
)
HELP = Place("help", N_("Help and shortcuts"), "", ("console.help_page",))
TILL_ROLES = {"clerk"}


def groups(who: Principal) -> Iterator[tuple[str, list[Place]]]:
    """The groups with at least one place that `who` may open."""
    for name, places in GROUPS:
        open_to = [place for place in places if who.may(place.permission)]
        if open_to:
            yield name, open_to

"""A month of campaigns, by the shop's calendar; and from which size on a second person looks."""

import calendar
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy import or_, select
from werkzeug.wrappers import Response

from crm import clock
from crm.campaigns import policy
from crm.campaigns.journeys import days
from crm.campaigns.journeys.definition import Journey
from crm.campaigns.models import Campaign
from crm.campaigns.policy_schemas import CampaignPolicyIn
from crm.console import campaign_words, formats, forms, mistakes
from crm.console.blueprint import blp
from crm.console.forms import Form
from crm.console.settings_page import manner_at
from crm.console.telling import Words
from crm.db import db, transaction
from crm.errors import N_, Refused
from crm.http.fields import read_instant
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext

FIRST, LAST = date(1971, 1, 1), date(2199, 12, 1)
LIMITS = tuple(forms.leaves(CampaignPolicyIn))
LIMIT_WORDS = Words(
    {
        "/approval/recipients": N_("Messages that one person may launch"),
        "/approval/cost": N_("Cost that one person may launch"),
        "/holdout_percent": N_("Held out, in percent"),
        "/attribution_days": N_("Days in which purchases count"),
        "/margin_percent": N_("Margin, in percent of sales"),
    },
    {
        "/approval/recipients": N_("Above it a second person approves. Empty: never for this."),
        "/approval/cost": N_(
            "Messages, coupons at their most and points together. Empty: never for this."
        ),
        "/holdout_percent": N_("What a new campaign begins with."),
        "/attribution_days": N_("What a new campaign begins with."),
        "/margin_percent": N_(
            "What is left of the price before discounts once the goods are paid. Reports go by it."
        ),
    },
    {},
)


@blp.get("/campaigns/calendar")
@needs("campaigns:read")
def campaign_calendar() -> str:
    """What goes when, a month at a time."""
    now, zone = clock.now(), manner_at(clock.now()).zone
    today = now.astimezone(zone).date()
    first = _month(request.args.get("month", ""), today)
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    found = _by_day(weeks[0][0], weeks[-1][-1], zone)
    all_days = [day for week in weeks for day in week]
    coming = _journeys(all_days, now) if principal().may("journeys:read") else {}
    return render_template(
        "campaign_calendar.html",
        month=formats.month_of_year(first),
        before=_name(first - timedelta(days=1)),
        after=_name(first + timedelta(days=31)),
        weekdays=[formats.weekday(number) for number in range(1, 8)],
        counted=any(one["members"] for ones in coming.values() for one in ones),
        weeks=[
            [
                _day(day, first, today) | {"items": found.get(day, []), "journeys": coming.get(day)}
                for day in week
            ]
            for week in weeks
        ],
    )


def _month(text: str, today: date) -> date:
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        found = today
    return min(max(found, FIRST), LAST).replace(day=1)


def _name(day: date) -> str:
    return f"{day:%Y-%m}"


def _journeys(all_days: list[date], now: datetime) -> dict[date, list[dict[str, Any]]]:
    """Journeys that are on: to all members on their days, to single ones in the next week."""
    found: dict[date, list[dict[str, Any]]] = {}
    for day, ones in days.of_all(all_days, now).items():
        found.setdefault(day, []).extend(_journey(one.journey) for one in ones)
    for day, counted in days.of_each(now).items():
        found.setdefault(day, []).extend(
            _journey(one.journey) | {"members": formats.number(n)} for one, n in counted
        )
    return found


def _journey(one: Journey) -> dict[str, Any]:
    return {"code": one.code, "name": gettext(one.name), "members": ""}


def _day(day: date, first: date, today: date) -> dict[str, Any]:
    return {
        "number": str(day.day),
        "iso": day.isoformat(),
        "is_other": day.month != first.month,
        "is_today": day == today,
    }


def _by_day(first: date, last: date, zone: tzinfo) -> dict[date, list[dict[str, Any]]]:
    """Campaigns by the day on which they begin: launched ones, and drafts that name a day."""
    start = datetime.combine(first, time(), zone).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    named = Campaign.schedule.has_key("at") | Campaign.schedule.has_key("on")
    query = (
        select(Campaign)
        .where(
            or_(
                (Campaign.starts_at >= start) & (Campaign.starts_at < end),
                (Campaign.state == "draft") & named,
            )
        )
        .order_by(Campaign.starts_at, Campaign.id)
        .limit(1000)
    )
    found: dict[date, list[dict[str, Any]]] = {}
    for row in db.session.scalars(query):
        day = _starts_on(row, zone)
        if first <= day <= last:
            found.setdefault(day, []).append(
                {"id": row.id, "name": row.name, "state": campaign_words.state(row.state)}
            )
    return found


def _starts_on(row: Campaign, zone: tzinfo) -> date:
    if row.starts_at is not None:
        return row.starts_at.astimezone(zone).date()
    if "on" in row.schedule:
        return date.fromisoformat(row.schedule["on"])
    return read_instant(row.schedule["at"]).astimezone(zone).date()


@blp.get("/campaigns/limits")
@needs("campaigns:manage")
def campaign_limits() -> str:
    """What holds for all campaigns."""
    form = Form(forms.values(LIMITS, policy.document(), manner_at(clock.now())))
    return _limits(form, saved="saved" in request.args)


@blp.post("/campaigns/limits")
@needs("campaigns:manage")
def change_campaign_limits() -> Response | tuple[str, int]:
    """Write them down; they count at once."""
    now, form = clock.now(), Form(forms.typed(LIMITS, request.form))
    try:
        document = forms.read(LIMITS, request.form, manner_at(now))
        with transaction():
            policy.put(mistakes.load(CampaignPolicyIn(), document), now=now)
    except Refused as refused:
        mistakes.blame(form, refused, LIMITS, manner_at(now))
        return _limits(form), refused.status
    return redirect(url_for("console.campaign_limits", saved=1), 303)


def _limits(form: Form, *, saved: bool = False) -> str:
    return render_template(
        "campaign_limits.html",
        form=form,
        leaves=LIMITS,
        words=LIMIT_WORDS,
        currency=manner_at(clock.now()).currency,
        saved=saved,
    )

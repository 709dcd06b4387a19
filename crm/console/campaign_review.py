"""The last step of the wizard: all of a campaign to look at once more, and the one button."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import render_template

from crm.campaigns import audience, plan, policy
from crm.campaigns.models import Campaign
from crm.console import campaign_figures, campaign_trial, campaign_words, formats
from crm.console.campaign_words import STEPS
from crm.console.forms import Form
from crm.console.settings_page import manner_at
from crm.errors import Invalid
from crm.http import problems
from crm.i18n import gettext


def review_page(found: Campaign, form: Form, now: datetime) -> str:
    """The last step: all of it, and the one button."""
    manner = manner_at(now)
    names = audience.named([one for one in (found.audience_id, *found.exclude) if one])
    shown, trial, lacks = None, None, []
    try:
        planned = plan.make(found, now=now)
        shown = campaign_figures.planned(planned, manner.currency)
        trial = campaign_trial.shown(found, planned.channel, planned.sample)
    except Invalid as invalid:
        lacks = [problems.say(one.detail, dict(one.facts)) for one in invalid.errors]
    limits = policy.current()
    return render_template(
        "campaign_review.html",
        campaign=found,
        steps=steps("review", found.id),
        shown=shown,
        trial=trial,
        lacks=lacks,
        form=form,
        audience=names.get(found.audience_id, "") if found.audience_id else "",
        excluded=[names.get(one, "") for one in found.exclude],
        when=campaign_words.when(found.schedule, now, manner.zone),
        mode=gettext(campaign_words.CHOICES["/mode"][found.mode]),
        budget=formats.money(found.budget, manner.currency) if found.budget is not None else "",
        days=formats.days(found.attribution_days),
        alone=formats.number(limits.recipients) if limits.recipients is not None else "",
    )


def steps(current: str, campaign_id: UUID | None) -> list[dict[str, Any]]:
    """The five steps, and which is open."""
    place = list(STEPS).index(current)
    return [
        {
            "code": code,
            "name": gettext(name),
            "done": no < place,
            "current": code == current,
            "id": campaign_id,
        }
        for no, (code, name) in enumerate(STEPS.items())
    ]

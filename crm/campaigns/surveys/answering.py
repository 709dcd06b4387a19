"""An answer to a survey: once, with the points it earns and the case it opens, in one transaction.

Locks in the order of all rooms: the order (shared), the account, the member's record (shared), then
the survey.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from crm.campaigns.surveys.errors import SurveyExpired, SurveyLinkNotValid
from crm.campaigns.surveys.models import Survey
from crm.cases import opening
from crm.cases.opening import Complaint
from crm.db import db
from crm.errors import Busy
from crm.http.principal import SYSTEM
from crm.members import profiles
from crm.members.errors import MemberNotFound
from crm.members.identity import MemberRef
from crm.points import awarding, awards
from crm.points.accounts import lock_accounts
from crm.points.awarding import Asked
from crm.points.errors import NoRuleForActivity, SourceKeyUsed

ACTIVITY = "survey"

TAKE = text("""
    UPDATE survey SET answered_at = :now, rating = :rating, text = :text, locale = :locale
    WHERE id = :id AND answered_at IS NULL AND member_id = :member
""")
HOLD_ORDER = text("SELECT 1 FROM orders WHERE id = :id FOR KEY SHARE")
NOTE = text("UPDATE survey SET granted = :granted, case_id = :case WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a member says: 1 (very unhappy) to 5 (very happy), maybe words, in which language."""

    rating: int
    text: str | None
    locale: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of it; `new` is false where it was answered before and nothing was changed."""

    survey: Survey
    new: bool


def find(survey_id: UUID, *, now: datetime) -> Survey:
    """A survey that can be answered, or that was. Raises `SurveyLinkNotValid`, `SurveyExpired`."""
    survey = db.session.get(Survey, survey_id, populate_existing=True)
    if survey is None:
        raise SurveyLinkNotValid()
    if survey.answered_at is None and survey.expires_at <= now:
        raise SurveyExpired()
    return survey


def answer(survey_id: UUID, given: Answer, *, now: datetime) -> Answered:
    """Take an answer, in the caller's transaction; only the first one counts.

    A rating as low as the survey's terms say opens a case, which stops marketing. Raises
    `SurveyLinkNotValid`, `SurveyExpired`; `Contended` and `Busy` when the member is being merged.
    """
    survey = find(survey_id, now=now)
    if survey.answered_at is not None:
        return Answered(survey, new=False)
    member_id = survey.member_id
    db.session.execute(HOLD_ORDER, {"id": survey.order_id})
    try:
        profiles.require(member_id)
        lock_accounts([member_id])
        profiles.require(member_id, to_write=True)
    except MemberNotFound:
        if find(survey_id, now=now).member_id != member_id:
            raise _changed_hands() from None
        raise SurveyExpired() from None  # the record was erased: nobody is asked any more
    values = {
        "id": survey_id,
        "member": member_id,
        "rating": given.rating,
        "text": given.text,
        "locale": given.locale,
        "now": now,
    }
    taken = db.session.execute(TAKE, values).rowcount  # type: ignore[attr-defined]  # of an UPDATE
    if taken:
        case_id = _complain(survey, given, now) if given.rating <= survey.low_at_most else None
        granted = _reward(survey, now)
        db.session.execute(NOTE, {"id": survey_id, "granted": granted, "case": case_id})
    survey = find(survey_id, now=now)
    if survey.answered_at is None:
        raise _changed_hands()
    return Answered(survey, new=bool(taken))


def _changed_hands() -> Busy:
    """Its member was merged meanwhile: who asks again finds it with the other record."""
    return Busy(retry_after=1)


def _complain(survey: Survey, given: Answer, now: datetime) -> UUID:
    """The case that a low rating opens."""
    complaint = Complaint(
        kind="rating",
        subject=f"Rated {given.rating} of 5",
        source="survey",
        text=given.text,
        order_id=survey.order_id,
        rating=given.rating,
        occasion=f"survey:{survey.id}",
        due_at=now + timedelta(days=survey.case_days) if survey.case_days else None,
    )
    return opening.open_case(survey.member_id, complaint, now=now).id


def _reward(survey: Survey, now: datetime) -> int:
    """The points that answering earns: as many as the terms say, else what the rules give."""
    if survey.points is None:
        asked = Asked(ACTIVITY, str(survey.id))
        with suppress(NoRuleForActivity, SourceKeyUsed):
            return awarding.award(survey.member_id, asked, now=now).document["granted"]
        return 0
    if survey.points == 0:
        return 0
    row = awards.award(
        MemberRef("id", str(survey.member_id)),
        survey.points,
        activity=ACTIVITY,
        source_key=str(survey.id),
        actor=SYSTEM.name,
    )
    (outcome,) = awards.give_many([row], now=now)
    return survey.points if outcome.status < 400 else 0

"""Claiming a batch: locked, judged and marked `sending` in one transaction, before any call.

Workers pass over each other's rows. A claim is a lease: when it lapses, `crm.messages.recovery`
decides by what the provider can tell. The fence grows with each claim, so that a worker that
comes back late records nothing over what was decided without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import json
from sqlalchemy import text

from crm.config import Config
from crm.db import as_rows, config, db
from crm.messages import candidates, eligibility, facts, falling_back, untold, wording
from crm.messages.candidates import Candidate
from crm.messages.channels.provider import Outgoing
from crm.messages.eligibility import Verdict
from crm.messages.flight import Flight
from crm.messages.links import Links
from crm.messages.policy import Policy
from crm.messages.states import PURPOSES, Reason, State

PUT_ASIDE = text("""
    UPDATE message m SET state = r.state, reason = r.reason, due_at = r.due_at,
           finished_at = CASE WHEN r.state <> 'waiting' THEN CAST(:now AS timestamptz) END
    FROM json_to_recordset(CAST(:rows AS json))
        AS r (id uuid, state text, reason text, due_at timestamptz)
    WHERE m.id = r.id
""")
MARK = text("""
    UPDATE message m SET state = 'sending', reason = NULL, fence = fence + 1,
           attempts = attempts + 1, provider = :provider, address = r.address,
           locale = r.locale, local_day = r.day,
           lease_until = clock_timestamp() + :lease * interval '1 second'
    FROM json_to_recordset(CAST(:rows AS json))
        AS r (id uuid, address text, locale text, day date)
    WHERE m.id = r.id
""")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim came to: how many messages were looked at, those that go, and where it is
    written down which of them were begun, for providers that want it."""

    looked_at: int = 0
    batch: Sequence[Outgoing] = ()
    flight: Flight | None = None


@dataclass
class Claimer:
    """Takes the batches of one channel, service messages first, each lane from its front to its
    end; `start_over` looks for what came in behind.

    Passing over what was seen keeps a claim fast while thousands of finished rows still lie in
    the index before the first that waits.
    """

    channel: str
    provider: str
    links: Links
    keeps_journal: bool = False
    counts: bool = True  # whether links of marketing lead here first
    seen: dict[str, tuple[datetime, UUID]] = field(default_factory=dict)

    def start_over(self) -> None:
        """Look from the front again."""
        self.seen.clear()

    def claim(self, most: int, policy: Policy, now: datetime) -> Claimed:
        """At most `most` messages."""
        rows: list[Candidate] = []
        for purpose in reversed(PURPOSES):
            if len(rows) < most:
                rows += self._lane(purpose, most - len(rows), now)
        if not rows:
            return Claimed()
        verdicts = eligibility.judge(self.channel, rows, policy, now)
        batch = self._mark(verdicts, now)
        if not batch or not self.keeps_journal:
            return Claimed(len(rows), batch)
        flight = Flight(self.channel, batch)
        flight.open()
        return Claimed(len(rows), batch, flight)

    def _lane(self, purpose: str, most: int, now: datetime) -> Sequence[Candidate]:
        behind = self.seen.get(purpose, candidates.START)
        rows = candidates.take(self.channel, purpose, most, behind=behind, now=now)
        if rows:
            self.seen[purpose] = candidates.end_of(rows)
        return rows

    def _mark(self, verdicts: Sequence[Verdict], now: datetime) -> list[Outgoing]:
        """Write down who goes and who does not; a template that can't be filled fails."""
        aside = [_aside(one) for one in verdicts if one.state is not None]
        going = [one for one in verdicts if one.state is None]
        versions = wording.ready((one.row.template_id, one.row.template_version) for one in going)
        names = wording.names_of(versions.values())
        known = facts.gather(names, [one.row.member_id for one in going], now)
        outgoing, marks, days = [], [], {}
        settings = config()
        for verdict in going:
            row = verdict.row
            version = versions[row.template_id, row.template_version]
            try:
                one = self._outgoing(row, version, known.get(row.member_id, {}), settings)
                outgoing.append(one)
                marks.append(_marked(one, verdict))
            except wording.CannotSay:
                failed = Verdict(row, verdict.day, State.FAILED, Reason.TEMPLATE_FAILED)
                aside.append(_aside(failed))
                if row.purpose == "marketing":
                    key = (row.member_id, verdict.day)
                    days[key] = days.get(key, 0) - 1
        if aside:
            db.session.execute(PUT_ASIDE, {"rows": as_rows(aside), "now": now})
            gone = [one["id"] for one in aside if one["reason"] in falling_back.BAD_ADDRESS]
            falling_back.fall_back(gone, now=now)
            untold.tell([one["id"] for one in aside if one["state"] == State.SUPPRESSED], now)
        eligibility.count(days)
        if outgoing:
            values = {"provider": self.provider, "lease": settings.message_lease_seconds}
            db.session.execute(MARK, values | {"rows": as_rows(marks)})
        return outgoing

    def _outgoing(
        self, row: Candidate, version: wording.Version, known: facts.Facts, settings: Config
    ) -> Outgoing:
        language = wording.choose(version, row.locale, settings.locale)
        unsubscribe = counted = None
        if row.purpose == "marketing":
            unsubscribe = self.links.unsubscribe(row.member_id, self.channel, row.id)
            if row.may_count and language.counts and self.counts:
                counted = self.links.counted(row.id)
        given = facts.values_of(
            known,
            json.decode(row.variables),
            name=row.name,
            member_no=row.member_no,
            locale=language.locale,
            unsubscribe=unsubscribe,
            counted=counted,
            shop=settings.shop_name,
        )
        return Outgoing(
            id=row.id,
            fence=row.fence + 1,
            member_id=row.member_id,
            purpose=row.purpose,
            address=row.address,
            language=language,
            values=language.fill(given, row.zone),
            given=given,
            template=(row.template_id, row.template_version),
            attempt=row.attempts + 1,
            unsubscribe=unsubscribe,
            by_consent=row.by_consent,
        )


def _aside(one: Verdict) -> dict[str, Any]:
    return {"id": one.row.id, "state": one.state, "reason": one.reason, "due_at": one.due_at}


def _marked(one: Outgoing, verdict: Verdict) -> dict[str, Any]:
    return {
        "id": one.id,
        "address": one.address,
        "locale": one.language.locale,
        "day": verdict.day if one.purpose == "marketing" else None,
    }

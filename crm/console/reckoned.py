"""Why an order or an act gave its points, and what was in the way of other rules, as staff read it.

The reasons are those of `crm.activities.explanations`; here they get names, amounts and clocks.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crm.console import formats
from crm.console.leaves import Manner
from crm.console.programme_page import EXPIRY
from crm.console.rule_told import called
from crm.console.rule_words import KINDS
from crm.console.words import say
from crm.errors import N_
from crm.i18n import gettext, locale
from crm.members.tiers import storage
from crm.points.rule import ACTIVITY
from crm.points.unmet import CAPS, REASONS, sentence

Tiers = Mapping[str, str]


def tiers_at(at: datetime) -> Tiers:
    """What the tiers were called then."""
    return {tier.code: tier.name(locale()) for tier in storage.ladder_at(at).tiers}


def of_order(
    why: Mapping[str, Any], goods: Mapping[int, str], manner: Manner, tiers: Tiers
) -> dict[str, Any]:
    """An order's explanation; `goods` are its lines by number. For parts/why.html."""
    parts = [_rule_of_order(share, goods) for share in why["applied"]]
    if tier := why["tier"]:
        name = say(N_("{tier}, the tier"), tier=tiers.get(tier["code"], tier["code"]))
        parts.append(_part(name, tier["points"], factor=tier["factor"]))
    return {
        "detail": why["detail"],
        "parts": parts,
        "is_rounded": bool(parts),
        "limited": _limited(why),
        "basis": formats.money(why["basis"], manner.currency) if parts else "",
        "nothing": [
            {"name": goods.get(line["line_no"], line["line_no"]), "why": line["detail"]}
            for line in why["lines"]
        ],
        "missed": _missed(why["not_applied"], manner, tiers),
    }


def of_award(why: Mapping[str, Any], manner: Manner, tiers: Tiers) -> dict[str, Any]:
    """The same of an award: what each rule gave, within its limits."""
    return {
        "detail": why["detail"],
        "parts": [_rule_of_award(share) for share in why.get("breakdown", ())],
        "is_rounded": False,
        "limited": _limited(why),
        "basis": "",
        "nothing": [],
        "missed": _missed(why.get("not_applied", ()), manner, tiers),
    }


def _rule_of_order(share: Mapping[str, Any], goods: Mapping[int, str]) -> dict[str, Any]:
    lines = [
        {"name": goods.get(line["line_no"], line["line_no"]), "points": line["points"]}
        for line in share["lines"]
    ]
    return _part(
        called(share["name"], share["kind"]),
        share["points"],
        rule=share["rule_id"],
        version=share["version"],
        factor=share["factor"] or "",
        notes=[*_capped(share["capped_by"]), *_lasts(share["expiry"])],
        lines=lines if len(goods) > 1 else [],
    )


def _rule_of_award(share: Mapping[str, Any]) -> dict[str, Any]:
    return _part(
        called(share["name"], ACTIVITY),
        formats.number(share["granted"]),
        rule=share["rule_id"],
        version=share["version"],
        notes=_capped(share["capped_by"]),
    )


def _part(
    name: str,
    points: str,
    *,
    rule: str | None = None,
    version: int | None = None,
    factor: str = "",
    notes: Sequence[str] = (),
    lines: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    return {
        "name": name,
        "points": points,
        "rule": rule,
        "version": version,
        "factor": factor,
        "notes": notes,
        "lines": lines,
    }


def _capped(code: str | None) -> list[str]:
    """Which limit left less."""
    return [say(N_("Limited: {limit}."), limit=gettext(CAPS[code]))] if code else []


def _lasts(expiry: Mapping[str, Any] | None) -> list[str]:
    """How long its points last, if the rule says so itself."""
    return [say(EXPIRY[expiry["policy"]], months=expiry.get("months"))] if expiry else []


def _limited(why: Mapping[str, Any]) -> str:
    """What there would have been without limits."""
    if not why.get("capped_by"):
        return ""
    text = N_("Without limits: {desired}; {granted} were given. Limited: {limit}.")
    desired, granted = formats.number(why["desired"]), formats.number(why["granted"])
    return say(text, desired=desired, granted=granted, limit=gettext(CAPS[why["capped_by"]]))


def _missed(
    reasons: Sequence[Mapping[str, Any]], manner: Manner, tiers: Tiers
) -> list[dict[str, Any]]:
    return [
        {
            "name": called(one["name"], one["kind"]),
            "rule": one["rule_id"],
            "why": reason(one["code"], one, manner, tiers),
        }
        for one in reasons
    ]


def reason(code: str, facts: Mapping[str, Any], manner: Manner, tiers: Tiers) -> str:
    """What was in a rule's way: amounts, times and tiers as staff read them."""
    said = dict(facts)
    for name in ("starts_at", "ended_at"):
        if name in said:
            at = datetime.fromisoformat(said[name]).astimezone(manner.zone)
            said[name] = f"{at:%Y-%m-%d %H:%M}"
    if code == "not_in_tier":
        said["tier"] = tiers.get(said["tier"], said["tier"] or "–")
    if code == "exclusive_group_taken" and said["by_name"] in KINDS:
        said["by_name"] = gettext(KINDS[said["by_name"]])
    if code == "min_basis":
        missing = formats.money(said["missing"], manner.currency)
        least = formats.money(said["min_basis"], manner.currency)
        return say(
            N_("The order must reach {least}; {missing} is missing."), least=least, missing=missing
        )
    assert code in REASONS, code
    return sentence(code, said)

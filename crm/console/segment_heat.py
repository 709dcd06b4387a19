"""The heat maps of the segments page: how recently, and how often or for how much."""

from typing import Any

from crm.console import charts, formats, segment_filters
from crm.console.words import ngettext, say
from crm.errors import N_
from crm.i18n import gettext


def told(heat: dict[str, Any], currency: str) -> list[dict[str, Any]]:
    """The map by purchases and that by amounts; runs of an earlier edition have only the first."""
    if not heat:
        return []
    heads = _recency_heads(heat["recency_upto_days"])
    starts = heat["frequency_from"]
    times = [_frequency_head(starts, at) for at in range(len(starts))]
    upto = heat["recency_upto_days"]
    found = [
        _map("times", N_("How recently, how often"), N_("Times＼days"), heads, times, heat)
        | {"links": _links(upto, "frequency", starts)}
    ]
    by_amount = heat.get("monetary")
    if by_amount:
        amounts = _amount_heads(by_amount["from"], currency)
        title, corner = N_("How recently, for how much"), N_("Spent＼days")
        found.append(
            _map("amounts", title, corner, heads, amounts, by_amount)
            | {"links": _links(upto, "monetary", by_amount["from"])}
        )
    return found


def _map(
    code: str, title: str, corner: str, columns: list[str], rows: list[str], cells: dict[str, Any]
) -> dict[str, Any]:
    shares, members = cells["revenue_shares"], cells["members"]
    largest = max((share for row in shares for share in row), default=0)
    return {
        "code": code,
        "title": gettext(title),
        "corner": gettext(corner),
        "columns": columns,
        "rows": [
            {
                "head": head,
                "cells": [
                    {
                        "text": formats.number(100 * share, 1),
                        "step": charts.heat(share, largest),
                        "members": ngettext("{count} member", "{count} members", people),
                    }
                    for share, people in zip(shares[at], members[at], strict=True)
                ],
            }
            for at, head in enumerate(rows)
        ],
    }


def _links(upto: list[int | None], name: str, starts: list[int]) -> list[list[dict[str, int]]]:
    """What each cell asks of the audience builder."""
    return [
        [segment_filters.of_cell(upto, column, name, starts, row) for column in range(len(upto))]
        for row in range(len(starts))
    ]


def _recency_heads(upto: list[int | None]) -> list[str]:
    heads = [f"≤ {days}" for days in upto if days is not None]
    return [*heads, gettext(N_("longer"))] if upto else []


def _frequency_head(starts: list[int], at: int) -> str:
    """Rows go from the most often down: 8+, 5–7, 3–4, 2, 1."""
    if at == 0:
        return f"{starts[at]}+"
    last = starts[at - 1] - 1
    return str(last) if last == starts[at] else f"{starts[at]}–{last}"


def _amount_heads(starts: list[int], currency: str) -> list[str]:
    """Rows go from the most down; each is named by the least amount in it, the last by the most."""
    shown = [formats.money(start, currency, short=True) for start in starts]
    if len(starts) < 2:
        return shown
    heads = [f"≥ {amount}" for amount in shown[:-1]]
    return [*heads, str(say(N_("below {amount}"), amount=shown[-2]))]

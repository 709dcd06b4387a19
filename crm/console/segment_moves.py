"""Who moved from which segment to which: the matrix of the segments page."""

from typing import Any

from crm.console import charts, formats
from crm.console.words import ngettext
from crm.segments.labels import Names
from crm.segments.vocabulary import CODES


def moved(moves: list[dict[str, Any]]) -> int:
    """How many members came from one segment into another."""
    return sum(move["members"] for move in moves if move["from"] not in (None, move["to"]))


def told(moves: list[dict[str, Any]], called: Names) -> dict[str, Any] | None:
    """The matrix of those who had a segment before; None when nobody moved."""
    known = {(move["from"], move["to"]): move["members"] for move in moves if move["from"]}
    if not moved(moves):
        return None
    codes = [code for code in CODES if any(code in pair for pair in known)]
    largest = max(known.values())
    return {
        "names": [called[code] for code in codes],
        "told": _causes(moves),
        "rows": [
            {
                "name": called[old],
                "cells": [_cell(known.get((old, new), 0), largest, old == new) for new in codes],
            }
            for old in codes
        ],
    }


def _causes(moves: list[dict[str, Any]]) -> list[str]:
    """How many moved by what they did (or time), and how many only by new groups."""
    by_refit = sum(move.get("refit", 0) for move in moves)
    said: list[str] = [
        ngettext(
            "{count} member moved by buying, or by staying away.",
            "{count} members moved by buying, or by staying away.",
            moved(moves) - by_refit,
        )
    ]
    if by_refit:
        said.append(
            ngettext(
                "{count} member moved only because the groups were made anew.",
                "{count} members moved only because the groups were made anew.",
                by_refit,
            )
        )
    return said


def _cell(members: int, largest: int, stay: bool) -> dict[str, Any]:
    text = formats.number(members) if members else ""
    return {"text": text, "step": charts.heat(members, largest), "stay": stay}

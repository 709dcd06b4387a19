"""The documentation names every field with its type, operators and window, and no other."""

import json
import re
from pathlib import Path

import pytest

from crm.app import create_app
from crm.members.consents import CHANNELS, PURPOSES
from crm.segments.audiences import parsing, registry

pytestmark = pytest.mark.usefixtures("no_database")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "audiences.md"
ROW = re.compile(r"^\| `([a-z_0-9.*]+)` \| (\w+) \| ([a-z_ ]+) \| (may|must|) \| (.+) \|$", re.M)
WINDOWS = {"": "", "optional": "may", "required": "must"}


def test_the_table_of_fields_is_that_of_the_register():
    assert create_app  # imports the rooms that put their fields in
    told = {name: rest for name, *rest in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    known = {
        one.name: [
            one.kind.name,
            " ".join(one.ops),
            WINDOWS[one.window],
            f"{one.label}. {one.about}",
        ]
        for one in registry.every()
        if not one.name.startswith("consent.")
    }
    assert told == known


def test_consents_are_told_by_their_channels_and_purposes():
    said = PAGE.read_text(encoding="utf-8")
    assert f"Channels: {', '.join(CHANNELS)}; purposes: {', '.join(PURPOSES)}." in said


def test_every_example_of_a_filter_can_be_read():
    from_page = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert [parsing.read(json.loads(text)) for text in from_page]

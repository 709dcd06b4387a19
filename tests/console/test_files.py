"""The console's files: kept by browsers for a year, new at once when they change."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm.console import files

pytestmark = pytest.mark.usefixtures("no_database")
NAMES = (*files.OWNED, *files.PACKAGED)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_with_its_hash_is_kept_for_a_year(app: Flask, client: FlaskClient, name: str):
    with app.test_request_context():
        address = files.address(name)
    answer = client.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert client.get(f"/console/files/{name}?v=old").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["door.py", "../door.py", "..%2fdoor.py", "bootstrap.min.js"])
def test_nothing_else_is_served(client: FlaskClient, name: str):
    assert client.get(f"/console/files/{name}").status_code in (302, 404)


def test_nothing_of_others_is_copied_into_the_repository():
    ours = {path.name for path in files.OWN.iterdir()}
    assert ours == set(files.OWNED)


def test_both_dark_themes_are_the_same():
    css = (files.OWN / "console.css").read_text(encoding="utf-8")
    by_system = re.search(r':root:not\(\[data-bs-theme="light"\]\) \{(.*?)\}', css, re.DOTALL)
    by_hand = re.search(r'^:root\[data-bs-theme="dark"\] \{(.*?)\}', css, re.DOTALL | re.MULTILINE)
    assert by_system
    assert by_hand
    assert by_system[1].split() == by_hand[1].split()


def test_no_template_carries_a_style_or_a_script_of_its_own():
    folder = Path(files.__file__).parent / "templates"
    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:", text), path
        assert not re.search(r"<script(?![^>]* src=)", text), path
        assert "|safe" not in text.replace(" ", ""), path

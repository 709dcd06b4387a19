"""The reference pages say what the program does."""

from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from crm import reference
from crm.cli import cli
from crm.config import Config
from crm.errors import kinds
from crm.queue import JOBS

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference"

pytestmark = pytest.mark.usefixtures("no_database")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as the program would write them now."""
    folder = tmp_path_factory.mktemp("reference")
    reference.write(folder, cli)
    return folder


@pytest.mark.parametrize("page", ["settings", "errors", "permissions", "jobs", "commands"])
def test_the_page_is_what_the_program_would_write_now(written: Path, page: str):
    now = (written / f"{page}.md").read_text()
    kept = (PAGES / f"{page}.md").read_text()
    assert kept == now, "run: python -m crm reference docs/reference"


def test_every_setting_is_documented(written: Path):
    page = (written / "settings.md").read_text()
    assert [f.metadata["env"] for f in fields(Config) if f.metadata["env"] not in page] == []
    assert [f.name for f in fields(Config) if not f.metadata["help"]] == []


def test_the_code_of_a_refusal_means_one_thing():
    ours = {kind for kind in kinds() if kind.__module__.startswith("crm.")}
    codes = Counter(kind.code for kind in ours if "code" in vars(kind))
    assert [code for code, times in codes.items() if times > 1] == []


def test_a_refusal_with_its_own_sentence_says_what_it_means():
    ours = {kind for kind in kinds() if kind.__module__.startswith("crm.")}
    assert [kind for kind in ours if not kind.__doc__] == []


def test_every_job_says_what_it_does():
    assert [job.name for job in JOBS.values() if not job.function.__doc__] == []


def test_every_command_says_what_it_does(written: Path):
    page = (written / "commands.md").read_text()
    for section in page.split("\n## ")[1:]:
        usage = section.split("Usage:")[1].strip().splitlines()
        assert len(usage) > 2, section
        assert usage[2].strip() not in ("", "Options:"), section

"""Calls go down."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.usefixtures("no_database")


def test_calls_go_down(tmp_path: Path):
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_transaction_commits():
    """Commits are in `crm/db.py`; elsewhere only a savepoint's, and a migration's own."""
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "crm").rglob("*.py")
        if "session.commit(" in path.read_text(encoding="utf-8")
    }
    assert found == {"crm/db.py"}


def test_nothing_but_the_clock_reads_the_clock():
    readers = ("datetime.now(", "datetime.utcnow(", "date.today(", "time.time(")
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "crm").rglob("*.py")
        if any(reader in path.read_text(encoding="utf-8") for reader in readers)
    }
    assert found <= {"crm/clock.py"}

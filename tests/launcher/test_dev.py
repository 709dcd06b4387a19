"""`dev.py` without its downloads: when it sets up, and what it leaves alone."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from .installation import REPOSITORY


@pytest.fixture
def dev() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", REPOSITORY / "dev.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_a_changed_lock_or_another_python_is_set_up_again(dev: ModuleType, tmp_path: Path):
    assert dev.missing(tmp_path, {"python": "3.11.7", "lock": "a"}) == ["python", "lock"]
    dev.note(tmp_path, {"python": "3.11.7"})
    dev.note(tmp_path, {"lock": "a"})
    assert dev.missing(tmp_path, {"python": "3.11.7", "lock": "a"}) == []
    assert dev.missing(tmp_path, {"python": "3.11.7", "lock": "b"}) == ["lock"]
    assert dev.missing(tmp_path, {"python": "3.13.1", "lock": "a"}) == ["python"]


def test_a_folder_with_other_things_is_never_made_an_environment(dev: ModuleType, tmp_path: Path):
    precious = tmp_path / "precious"
    precious.touch()
    with pytest.raises(SystemExit, match="set another CRM_VENV"):
        dev.create(tmp_path, "3.11.7")
    assert [*tmp_path.iterdir()] == [precious]


def test_an_environment_of_somebody_else_is_never_cleared(dev: ModuleType, tmp_path: Path):
    (tmp_path / "pyvenv.cfg").touch()
    assert dev.how_to_create(tmp_path) == []
    dev.note(tmp_path, {"python": "3.11.7"})
    assert dev.how_to_create(tmp_path) == ["--clear"]


def test_an_unknown_command_gets_the_list_of_commands():
    done = subprocess.run(
        [sys.executable, REPOSITORY / "dev.py", "serve"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "python3 dev.py run" in done.stdout


@pytest.mark.parametrize(
    "lock", ["requirements.txt", "requirements-dev.txt", "requirements-demo.txt"]
)
def test_locks_name_no_index_and_pin_every_package_by_hash(lock: str):
    text = (REPOSITORY / lock).read_text()
    assert "://" not in text
    packages = [line for line in text.splitlines() if "==" in line and not line.startswith("#")]
    assert packages
    assert all(line.endswith("\\") for line in packages)

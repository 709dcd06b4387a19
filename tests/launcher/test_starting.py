"""Where it starts from, and what it says when it cannot."""

import os
import pwd
import subprocess
import sys

import pytest

from .installation import REPOSITORY, Installation


def test_a_failing_step_is_named_and_everything_stopped(shop: Installation):
    assert shop.run(BREAK="db upgrade") == 1
    assert "Cannot start: python -m crm db upgrade failed (exit code 3)" in shop.output()
    assert not shop.processes()


def test_a_web_server_that_cannot_start_is_shown_and_everything_stopped(shop: Installation):
    (shop.checkout / "wsgi.py").write_text("raise RuntimeError('no such shop')\n")
    assert shop.run() == 1
    assert "no such shop" in shop.output()
    assert not shop.processes()


def test_a_wrong_port_is_named(shop: Installation):
    assert shop.run(PORT="http") == 1
    assert "PORT must be a number" in shop.output()


def test_an_empty_shop_starts_in_a_closed_folder_too(shop: Installation):
    shop.folder.chmod(0o700)
    launcher = shop.start_until_ready(CRM_DEMO="0")
    assert "empty shop" in shop.output()
    assert "demo shop loaded" not in shop.output()
    assert (shop.home / "demo-credentials.json").exists()
    if os.geteuid() == 0:
        assert f"its files lie in {(shop.home / 'postgres.place').read_text()}" in shop.output()
    launcher.terminate()
    assert launcher.wait(30) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="the whole suite runs as an ordinary user already")
def test_it_starts_as_an_ordinary_user_in_a_closed_folder(shop: Installation):
    user = pwd.getpwnam("nobody")
    if not _can_run_python(user):
        pytest.skip(f"account nobody cannot run {sys.executable}")
    for path in (shop.folder, *shop.folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid)
    shop.folder.chmod(0o700)
    launcher = shop.start_until_ready(account=user)
    launcher.terminate()
    assert launcher.wait(30) == 0
    assert not shop.processes()


def _can_run_python(user: pwd.struct_passwd) -> bool:
    try:
        trial = subprocess.run(
            [sys.executable, "-c", "import psycopg, granian"],
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
        )
    except PermissionError:
        return False
    return trial.returncode == 0


def test_the_launcher_loads_nothing_of_the_product():
    listing = (
        "import sys, crm.launcher.start, crm.launcher.command;"
        "print(*(name for name in sys.modules if name.startswith('crm.') or name == 'flask'))"
    )
    names = subprocess.check_output([sys.executable, "-c", listing], cwd=REPOSITORY, text=True)
    assert {name for name in names.split() if not name.startswith("crm.launcher")} == set()

"""While it runs, it looks after its processes and says to others that it is there."""

import os
import signal
import subprocess
import sys
import urllib.request

from .installation import Installation, wait_until


def test_a_second_start_in_the_same_home_is_refused(running_shop: Installation):
    before = running_shop.said.read_text()
    refused = _run(running_shop, "crm.launcher", PORT="1")
    assert refused.returncode == 1
    assert f"already running at http://127.0.0.1:{running_shop.port}" in refused.stdout
    assert running_shop.said.read_text() == before


def test_a_port_in_use_is_named(running_shop: Installation):
    refused = _run(running_shop, "crm.launcher", CRM_HOME=str(running_shop.folder / "other"))
    assert refused.returncode == 1
    assert f"cannot listen on 127.0.0.1:{running_shop.port}" in refused.stdout


def test_a_killed_web_server_takes_its_own_processes_along_and_comes_again(
    running_shop: Installation,
):
    killed = running_shop.process("granian")
    former = {n for n, line in running_shop.processes().items() if "granian" in line}
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not former & set(running_shop.processes()))
    wait_until(lambda: _answers(running_shop))


def test_a_killed_worker_takes_its_own_processes_along_and_comes_again(
    running_shop: Installation,
):
    killed = running_shop.process("crm worker")
    horse = running_shop.process("SIG_IGN")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: horse not in running_shop.processes())
    wait_until(lambda: any("crm worker" in line for line in running_shop.processes().values()))


def test_a_killed_database_comes_again(running_shop: Installation):
    os.kill(running_shop.process("bin/postgres"), signal.SIGKILL)
    wait_until(lambda: _run(running_shop, "crm.launcher.command", "db", "upgrade").returncode == 0)


def test_a_command_finds_the_running_shop(running_shop: Installation):
    done = _run(running_shop, "crm.launcher.command", "demo", "credentials")
    assert done.returncode == 0, done.stdout


def test_secrets_and_credentials_are_for_our_own_account_only(running_shop: Installation):
    files = ["demo-credentials.json", "running.json", "key.secret", "postgres.secret"]
    assert {(running_shop.home / name).stat().st_mode & 0o777 for name in files} == {0o600}


def _run(shop: Installation, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"CRM_HOME": str(shop.home), "PORT": str(shop.port)}
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=shop.checkout,
        env={**os.environ, **own, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
    )


def _answers(shop: Installation) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{shop.port}/", timeout=2).status == 200
    except OSError:
        return False

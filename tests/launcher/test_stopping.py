"""However it ends, nothing is left behind and nothing that was written is lost."""

import os
import signal

from .installation import Installation, wait_until


def test_ctrl_c_stops_what_is_used_after_its_users(shop: Installation):
    launcher = shop.start_until_ready(CHILD="deaf")
    wait_until(lambda: len(list(shop.home.glob("* serves"))) == 2)
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(30) == 0
    assert (shop.home / "ends").read_text().splitlines() == [
        "scheduler: web gone, valkey there, postgres there",
        "worker: web gone, valkey there, postgres there",
    ]
    assert "database system is shut down" in (shop.home / "logs" / "postgres.log").read_text()
    assert not shop.processes()


def test_kill_9_leaves_no_process_and_the_next_start_finds_all_data(shop: Installation):
    for start, victims in enumerate(("keeper", "second process", "both"), start=1):
        # With both gone nobody is left to end a grandchild that does not listen.
        launcher = shop.start_until_ready(CHILD="obedient" if victims == "both" else "deaf")
        assert f"starts so far: {start}" in shop.output()
        two = {n for n, line in shop.processes().items() if "crm.launcher" in line}
        keeper = {launcher.pid}
        for number in {"keeper": keeper, "second process": two - keeper, "both": two}[victims]:
            os.kill(number, signal.SIGKILL)
        launcher.wait()
        # The next start comes at once: it waits for the last of the killed run by itself.
    wait_until(lambda: not shop.processes())


def test_kill_9_while_the_demo_loads_leaves_no_process(shop: Installation):
    launcher = shop.start(SLOW="demo load")
    wait_until(lambda: "loading slowly" in shop.output())
    launcher.kill()
    wait_until(lambda: not shop.processes())


def test_ctrl_c_while_the_demo_loads_stops_everything(shop: Installation):
    launcher = shop.start(SLOW="demo load")
    wait_until(lambda: "loading slowly" in shop.output())
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(30) == 0
    assert not shop.processes()

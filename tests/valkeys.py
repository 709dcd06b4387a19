"""A Valkey of one test alone, that may be emptied and stopped."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from crm.launcher.homes import occupy
from crm.launcher.processes import spawn, stop
from crm.launcher.valkey import Valkey


@pytest.fixture
def own_valkey() -> Iterator[tuple[str, Callable[[], object]]]:
    """(address, stop): a server that ends with the test, or before if it is told to."""
    with ExitStack() as ending:
        home = Path(ending.enter_context(TemporaryDirectory(prefix="crm-valkey-")))
        server = Valkey(ending.enter_context(occupy(home, os.getpid())), lasting=False)
        ending.callback(server.tidy)
        program = server.program()
        process = spawn(program)
        ending.callback(lambda: process.poll() is None and stop(program, process, 2))
        yield server.wait_until_ready(process), lambda: stop(program, process, 2)


@pytest.fixture
def restartable_valkey() -> Iterator[tuple[str, Callable[[], None]]]:
    """(address, restart): a server that forgets everything whenever it is told to start anew."""
    with ExitStack() as ending:
        home = Path(ending.enter_context(TemporaryDirectory(prefix="crm-valkey-")))
        server = Valkey(ending.enter_context(occupy(home, os.getpid())), lasting=False)
        ending.callback(server.tidy)
        program = server.program()
        running = [spawn(program)]
        ending.callback(lambda: running[-1].poll() is None and stop(program, running[-1], 2))
        address = server.wait_until_ready(running[-1])

        def restart() -> None:
            stop(program, running[-1], 2)
            running.append(spawn(program))
            server.wait_until_ready(running[-1])

        yield address, restart

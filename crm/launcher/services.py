"""PostgreSQL and Valkey for as long as a `with` block lasts."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from . import homes
from .postgres import Postgres
from .processes import Process, Program, spawn, stop
from .valkey import Valkey

DATABASE = "regulars"


@contextlib.contextmanager
def running(home: Path, durable: bool) -> Iterator[tuple[str, str]]:
    """Start both in the folder `home` and give `(database_url, redis_url)`; stop them at the end.

    With `durable=False` they are quick, forget on a crash, and leave nothing behind (the folder
    itself stays, with the logs). They end with this process, however it ends; enter from a thread
    that lives as long. Raises `CannotStart` when the folder is in use or a server fails.
    """
    with contextlib.ExitStack() as ending:
        held = ending.enter_context(homes.occupy(home, os.getpid()))
        postgres = Postgres(held, lasting=durable)
        ending.callback(postgres.tidy)
        valkey = Valkey(held, lasting=durable)
        ending.callback(valkey.tidy)
        postgres.prepare()
        database = ending.enter_context(_started(postgres.program()))
        memory = ending.enter_context(_started(valkey.program()))
        yield postgres.wait_until_ready(database, DATABASE), valkey.wait_until_ready(memory)


@contextlib.contextmanager
def _started(program: Program) -> Iterator[Process]:
    process = spawn(program)
    try:
        yield process
    finally:
        stop(program, process, program.grace_seconds)

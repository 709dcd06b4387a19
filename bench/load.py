"""Load generators: wrk for HTTP where it is installed, our own slower one else, and pgbench."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from psycopg.conninfo import conninfo_to_dict

from bench.contest import Load
from crm.launcher.binaries import postgres_programs

HERE = Path(__file__).parent
CONNECTIONS = 16
_THREADS = 2


def generator() -> str:
    """Which one drives HTTP here."""
    if shutil.which("wrk"):
        return "wrk"
    return "bench.generator (slower: it takes more of the CPU that it measures; install wrk)"


def awards(url: str, secret: str, members: int, seconds: float) -> Load:
    """Awards of 100 points to random members over 16 connections, each with its own keys."""
    run = uuid4().hex[:12]
    if shutil.which("wrk"):
        command: Sequence[str] = (
            *("wrk", "-t", str(_THREADS), "-c", str(CONNECTIONS), "-d", f"{seconds:.0f}s"),
            *("-s", str(HERE / "awards.lua"), url, "--", secret, run, str(members)),
        )
    else:
        words = (url, secret, run, f"1-{members}", str(CONNECTIONS), str(seconds), "0")
        command = (sys.executable, "-m", "bench.generator", "award", *words)
    return _generated(command)


def requests(
    kind: str,
    url: str,
    secret: str,
    members: int,
    seconds: float,
    *,
    connections: int,
    rate: float = 0,
    first: int = 1,
) -> Load:
    """Requests of a kind (award, batch, redeem) for members `first` to `members`, by our own
    generator; `rate` a second, or as fast as they are answered."""
    who = f"{first}-{members}"
    words = (url, secret, uuid4().hex[:12], who, str(connections), str(seconds), str(rate))
    return _generated((sys.executable, "-m", "bench.generator", kind, *words))


def _generated(command: Sequence[str]) -> Load:
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parent)
    if answer.returncode:
        raise SystemExit(f"the load generator failed: {answer.stderr.strip()}")
    found = json.loads(answer.stdout.strip().splitlines()[-1])
    return Load(
        found["requests"],
        found["seconds"],
        found["errors"],
        found["mean_ms"],
        found["p99_ms"],
        found["max_ms"],
    )


def seven_statements(database_url: str, members: int, seconds: float) -> Load:
    """The yardstick: pgbench with 16 clients, prepared statements, one award per transaction."""
    options = ("-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", str(_THREADS))
    what = ("-D", f"members={members}", "-f", str(HERE / "yardstick.sql"))
    answer = _postgres_program(
        database_url, "pgbench", *options, "-T", f"{seconds:.0f}", *what
    )  # its report is text; these three lines are in every version since 14
    done = int(_figure(answer, r"actually processed: (\d+)"))
    failed = int(_figure(answer, r"failed transactions: (\d+)"))
    mean = _figure(answer, r"latency average = ([\d.]+)")
    return Load(done, done / _figure(answer, r"tps = ([\d.]+)"), failed, mean)


def prepare_yardstick(database_url: str, members: int) -> None:
    """Make the yardstick's tables."""
    script = str(HERE / "yardstick_tables.sql")
    _postgres_program(
        database_url,
        "psql",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-v",
        f"members={members}",
        "-f",
        script,
    )


def _postgres_program(database_url: str, name: str, *options: str) -> str:
    parts = conninfo_to_dict(database_url)
    environment = {
        "PATH": os.environ["PATH"],
        "PGHOST": str(parts["host"]),
        "PGPORT": str(parts.get("port", 5432)),
        "PGUSER": str(parts["user"]),
        "PGPASSWORD": str(parts["password"]),
        "PGDATABASE": str(parts["dbname"]),
    }
    program = str(postgres_programs(None) / name)
    done = subprocess.run(
        (program, *options), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} failed: {done.stderr.strip()}")
    return done.stdout


def _figure(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    assert found, f"pgbench did not say {pattern}"
    return float(found[1])

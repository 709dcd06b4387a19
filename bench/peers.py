"""One award over HTTP beside two open ledgers from PyPI, in the same server on the same database.

They are installed into a throw-away venv: this bench needs the network, or a mirror, once.
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import click
import psycopg

from bench import contest, load, seeding, site, verifying
from bench.contest import Contender

PEERS = ("credit-ledger==0.3.0", "hf-nostro[postgres]==0.2.0")
SAME = ("flask", "granian", "psycopg", "psycopg-binary", "sqlalchemy")
TARGETS = {"credit-ledger": 1.8, "hf-nostro": 2.5}
# credit-ledger's wheel comes without its schema: the tables that its code names, without policies.
CREDIT_LEDGER = """
    CREATE TABLE credit_balance (
        tenant_id text PRIMARY KEY, credits numeric(18,4) NOT NULL DEFAULT 0 CHECK (credits >= 0),
        updated_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE credit_ledger (
        id uuid PRIMARY KEY, tenant_id text NOT NULL REFERENCES credit_balance (tenant_id)
            DEFERRABLE INITIALLY DEFERRED,
        delta numeric(18,4) NOT NULL, reason text NOT NULL, idempotency_key text,
        balance_after numeric(18,4) NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (tenant_id, idempotency_key));
    INSERT INTO credit_balance (tenant_id, credits)
    SELECT '01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'), 1000
    FROM generate_series(1, {members}) n;
"""
NOSTRO = """
    INSERT INTO nostro.account (tenant_id, scope_ref)
    SELECT 'shop', '01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0')
    FROM generate_series(1, {members}) n;
"""


def run(members: int, rounds: int, seconds: float, folder: Path | None) -> bool:
    """Measure, print the table, verify our ledger; whether all is as promised."""
    with site.open_site(folder) as here, ExitStack() as ending:
        python = _venv(Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="peers-"))))
        click.echo(f"seeding {members:,} members three times; load by {load.generator()}")
        app = here.app()
        secret = site.new_key(app, "points:write")
        seeding.seed(here.database_url, members)
        first, second = here.new_database("credit_ledger"), here.new_database("nostro")
        _execute(first, CREDIT_LEDGER.format(members=members))
        migrate = ("-m", "nostro", "migrate", "--dsn", second, "--scale", "0")
        subprocess.run((python, *migrate), check=True, stdout=subprocess.DEVNULL)
        _execute(second, NOSTRO.format(members=members))
        for url in (first, second):
            seeding.settle(url)
        ours = here.serving("web", here.database_url)
        servers = {
            "credit-ledger": _serving(here, python, "credit_ledger", first),
            "hf-nostro": _serving(here, python, "nostro", second),
            "award over HTTP": ours,
        }
        contenders = [
            _contender(name, ending.enter_context(server), secret, members)
            for name, server in servers.items()
        ]
        samples = contest.run(
            contenders, here.postgres, rounds=rounds, seconds=seconds, report=click.echo
        )
        click.echo(f"\n{contest.table(contenders, samples)}\n")
        kept = [
            verifying.promise(f"an award, of {name}'s rate", contest.ratio(samples[2], own), target)
            for (name, target), own in zip(TARGETS.items(), samples[:2], strict=True)
        ]
        errors = sum(sample.load.errors for own in samples for sample in own)
        answered = sum(sample.load.operations for sample in samples[2])
        sound = verifying.sound(app, here.database_url, {"award": members + answered})
        return sound and errors == 0 and all(kept)


def _venv(folder: Path) -> str:
    """The interpreter of a new venv with the peers, and the server and driver that we have."""
    click.echo(f"installing {' and '.join(PEERS)} into {folder}")
    subprocess.run((sys.executable, "-m", "venv", str(folder)), check=True)
    python = str(folder / "bin" / "python")
    same = [f"{name}=={version(name)}" for name in SAME]
    subprocess.run(
        (python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PEERS, *same),
        check=True,
    )
    return python


def _execute(url: str, script: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(script)


def _serving(here: site.Site, python: str, name: str, url: str):
    return here.serving(name, url, ("--factory", f"bench.peer_{name}:create_app"), python=python)


def _contender(name: str, server: site.Server, secret: str, members: int) -> Contender:
    return Contender(
        name,
        lambda seconds: load.awards(server.address.url, secret, members, seconds),
        server.process.pid,
    )

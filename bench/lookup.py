"""The till's lookup beside the lookup of a full phone number: statements, then over HTTP."""

import http.client
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import click
import psycopg
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from bench import crowd, site
from crm.demo import people
from crm.members.lookup import finding, routes, statements
from crm.members.names.readings import syllables
from crm.members.names.writing import is_ideographic

YARDSTICK = "full phone number"
PROMISED = ("last four digits", "two Chinese characters", "initials of a name")
TARGET_RATIO = 2.0
TARGET_MS = 30.0
STORE = "jingan"
_WARM_UP = 0.1


def run(members: int, lookups: int, folder: Path | None) -> bool:
    """Seed, measure, print the tables; whether all is as promised."""
    with site.open_site(folder) as here:
        crowd.seed(here.database_url, members, _progress)
        app = here.app()
        typed = samples(members, lookups)
        with app.app_context():
            prepared = {shape: [_prepare(text) for text in found] for shape, found in typed.items()}
        by_statement = measure(prepared, _statements(here.database_url))
        sound = _print_statements(by_statement)
        secret = site.new_key(app, "members:read")
        site.close(app)
        with here.serving("web", here.database_url) as web:
            over_http = measure(typed, _requests(web.address.host, web.address.port, secret))
        return _print_http(over_http) and sound


def samples(members: int, count: int) -> dict[str, list[str]]:
    """What staff would type for `count` members drawn at random, by shape."""
    draws = Random(7)
    drawn = [people.body(draws.randrange(members)) for _ in range(count * 2)]
    phones = [body["phone"] for body in drawn if "phone" in body]
    names = [body["name"] for body in drawn if _is_chinese(body.get("name", ""))]
    places = [draws.randrange(len(name) - 1) for name in names]
    parts = [syllables(name)[1][0] for name in names]
    found = {
        YARDSTICK: phones,
        PROMISED[0]: [phone[-4:] for phone in phones],
        PROMISED[1]: [name[at : at + 2] for name, at in zip(names, places, strict=True)],
        PROMISED[2]: ["".join(part[0] for part in name) for name in parts],
        "one Chinese character": [name[0] for name in names],
        "whole pinyin": ["".join(name) for name in parts],
        "pinyin in two words": [f"{name[0]} {''.join(name[1:])}" for name in parts],
        "last six digits": [phone[-6:] for phone in phones],
    }
    return {shape: texts[:count] for shape, texts in found.items()}


def _is_chinese(name: str) -> bool:
    return len(name) > 1 and all(map(is_ideographic, name))


def _prepare(typed: str) -> tuple[str, dict[str, Any]]:
    """The statement and the values that the product uses for this text."""
    statement, values = finding.statement_of(routes(typed, "CN")[0])
    compiled = statement.compile(dialect=PGDialect_psycopg())
    given = {**statements.LIMITS, **values, "store": STORE}
    return str(compiled), {name: given[name] for name in compiled.params}


def _statements(database_url: str) -> Callable[[Any], object]:
    connection = psycopg.connect(database_url, autocommit=True, prepare_threshold=2)
    cursor = connection.cursor()
    return lambda prepared: cursor.execute(*prepared).fetchall()


def _requests(host: str, port: int, secret: str) -> Callable[[Any], object]:
    connection = http.client.HTTPConnection(host, port)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def ask(typed: Any) -> object:
        body = json.dumps({"q": typed, "store": STORE})
        connection.request("POST", "/api/v1/members/lookup", body, headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        assert answer.status == 200, found
        assert found["data"], f"nobody found for {typed}"
        return found

    return ask


def measure(
    questions: dict[str, list[Any]], ask: Callable[[Any], object]
) -> dict[str, list[float]]:
    """Milliseconds by shape, sorted. Shapes take turns, so that noise meets all of them."""
    taken: dict[str, list[float]] = {shape: [] for shape in questions}
    for turn in range(max(map(len, questions.values()))):
        for shape, asked in questions.items():
            if turn < len(asked):
                begun = time.perf_counter()
                ask(asked[turn])
                taken[shape].append((time.perf_counter() - begun) * 1_000)
    return {shape: sorted(own[int(len(own) * _WARM_UP) :]) for shape, own in taken.items()}


def _print_statements(taken: dict[str, list[float]]) -> bool:
    yardstick = statistics.median(taken[YARDSTICK])
    click.echo(f"\n{'one statement':28}{'p50 ms':>9}{'p95 ms':>9}{'x phone':>9}")
    for shape, own in taken.items():
        ratio = statistics.median(own) / yardstick
        click.echo(f"{shape:28}{statistics.median(own):9.3f}{_p95(own):9.3f}{ratio:9.2f}")
    worst = max(statistics.median(taken[shape]) for shape in PROMISED) / yardstick
    click.echo(f"slowest of the three promised: {worst:.2f} (promised: {TARGET_RATIO})")
    return worst <= TARGET_RATIO


def _print_http(taken: dict[str, list[float]]) -> bool:
    click.echo(f"\n{'over HTTP, one after another':28}{'p50 ms':>9}{'p95 ms':>9}")
    for shape, own in taken.items():
        click.echo(f"{shape:28}{statistics.median(own):9.2f}{_p95(own):9.2f}")
    worst = max(_p95(taken[shape]) for shape in PROMISED)
    click.echo(f"slowest p95 of the three promised: {worst:.1f} ms (promised: {TARGET_MS})")
    return worst <= TARGET_MS


def _p95(own: Sequence[float]) -> float:
    return own[int(len(own) * 0.95)]


def _progress(text: str) -> None:
    click.echo(f"\r{text}", nl=False)

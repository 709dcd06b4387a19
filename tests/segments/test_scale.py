"""RFM on another engine: the same members with the same numbers as PostgreSQL has."""

import importlib.util
from datetime import timedelta
from pathlib import Path
from shutil import which

import numpy as np
import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo
from purchases import SHANGHAI, buy, new_members

from crm.cli import cli
from crm.segments import reading
from crm.segments.features import Population

DAY = timedelta(days=1)
EXTRA = "install requirements-scale.txt to run this (ibis, DuckDB, pyarrow, Spark)"


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


ENGINES = [
    pytest.param(
        "duckdb", marks=pytest.mark.skipif(not (has("ibis") and has("duckdb")), reason=EXTRA)
    ),
    pytest.param(
        "spark",
        marks=pytest.mark.skipif(
            not (has("ibis") and has("pyspark") and which("java")), reason=f"{EXTRA}, and a JVM"
        ),
    ),
]


def uneven_shop(now) -> None:
    """Prospects, one-time and repeat buyers, orders of one day, of the future, free and refunded;
    members who registered later, and some who are gone."""
    draw = np.random.default_rng(6)
    purchases = []
    for number, member in enumerate(new_members(120)):
        purchases += [
            (
                member,
                now - float(draw.uniform(-20, 500)) * DAY,
                1000,
                int(draw.integers(0, 3)) * 400,
            )
            for _ in range(number % 7)
        ]
    purchases += [(None, now - DAY, 5000)]
    buy(purchases, now=now)
    new_members(5, at=now - DAY)
    new_members(5, at=now + DAY)
    new_members(3, status="erased")


def features(people: Population) -> dict[str, tuple[int, int, int, int]]:
    columns = (people.recency, people.frequency, people.monetary, people.tenure)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return dict(zip(map(str, people.member_ids()), rows, strict=True))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("ago", [0, 45])
def test_every_member_has_the_numbers_that_postgresql_has(engine, ago, now, tmp_path):
    from_scale = pytest.importorskip("crm.segments.scale.engines")
    export = pytest.importorskip("crm.segments.scale.export")
    uneven_shop(now)
    as_of = now - ago * DAY
    expected = features(reading.population(as_of, SHANGHAI))
    assert export.export(tmp_path)["members"] == 130
    for _ in range(2):
        path = from_scale.aggregate(tmp_path, engine, as_of, SHANGHAI)
        assert read(path) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_an_empty_shop_is_no_error(engine, now, tmp_path):
    export = pytest.importorskip("crm.segments.scale.export")
    engines = pytest.importorskip("crm.segments.scale.engines")
    assert export.export(tmp_path) == {"members": 0, "purchases": 0}
    assert read(engines.aggregate(tmp_path, engine, now, SHANGHAI)) == {}


def read(path: Path) -> dict[str, tuple[int, int, int, int]]:
    """The rows of a Parquet file, or of a folder of them as Spark writes."""
    table = pytest.importorskip("pyarrow.parquet").read_table(path).to_pydict()
    names = ("recency", "frequency", "monetary", "tenure")
    rows = zip(*(table[name] for name in names), strict=True)
    return dict(zip(table["member_id"], rows, strict=True))


@pytest.mark.skipif(not has("pyarrow"), reason=EXTRA)
def test_files_are_written_in_pieces_of_one_size(now, tmp_path, monkeypatch):
    export = pytest.importorskip("crm.segments.scale.export")
    uneven_shop(now)
    whole = export.export(tmp_path)
    first = read_all(tmp_path / "purchases.parquet")
    monkeypatch.setattr(export, "ROWS", 7)
    assert export.export(tmp_path) == whole
    assert read_all(tmp_path / "purchases.parquet") == first
    assert not list(tmp_path.glob("*.unfinished"))


def read_all(path: Path) -> list:
    return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()


@pytest.mark.skipif(has("pyarrow"), reason="the packages are here")
def test_without_the_packages_the_commands_say_what_to_install(app, now, tmp_path):
    found = CliRunner().invoke(
        cli, ["segments", "export", str(tmp_path)], obj=ScriptInfo(create_app=lambda: app)
    )
    assert found.exit_code == 1
    assert "pip install -r requirements-scale.txt" in found.output

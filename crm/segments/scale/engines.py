"""Where the aggregation runs: DuckDB in this process, or Spark, on files that were exported."""

import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import ibis  # pyright: ignore[reportMissingImports]

from crm.segments.scale.aggregation import features

Engine = Literal["duckdb", "spark"]


def aggregate(folder: Path, engine: Engine, as_of: datetime, zone: ZoneInfo) -> Path:
    """Aggregate the exported files in `folder` as of an instant; returns the new Parquet file
    (a folder of them from Spark).

    `features.parquet` has a row per member: member_id, recency, frequency, monetary, tenure. The
    day that it is in `zone`, the programme's, is the one that recency counts to.
    """
    connection = connect(engine)
    found = features(
        connection.read_parquet(str(folder / "members.parquet")),
        connection.read_parquet(str(folder / "purchases.parquet")),
        as_of.astimezone(ZoneInfo("UTC")).replace(tzinfo=None),
        as_of.astimezone(zone).date(),
    )
    path = folder / "features.parquet"
    unfinished = path.with_suffix(".unfinished")
    _remove(unfinished)
    connection.to_parquet(found, str(unfinished))
    _remove(path)
    os.replace(unfinished, path)
    return path


def _remove(path: Path) -> None:
    """What an earlier run left: a file, or the folder of files that Spark writes."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def connect(engine: Engine) -> Any:
    """A connection of ibis; Spark is asked for a session in UTC, which the files are in."""
    if engine == "duckdb":
        return ibis.duckdb.connect()
    return ibis.pyspark.connect(**{"spark.sql.session.timeZone": "UTC"})

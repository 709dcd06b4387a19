"""Figures for Prometheus: what the processes measured, and how the background work stands."""

import os
from collections.abc import Iterator

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from crm.db import db

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # where the processes of one machine keep their figures

TASKS = text("""
    SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,
           count(*) FILTER (WHERE state = 'failed') AS failed,
           coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (
               WHERE state = 'waiting' AND due_at <= clock_timestamp())), 0)::float AS oldest
    FROM task WHERE state <> 'done'
""")


class Work:
    """The tasks of the outbox, as the database knows them now."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Tasks by state, the age of the oldest that is due, and whether the database answers."""
        try:
            row = db.session.execute(TASKS).one()
        except SQLAlchemyError:
            db.session.rollback()
            yield GaugeMetricFamily("regulars_database_up", "1 while it answers", value=0)
            return
        yield GaugeMetricFamily("regulars_database_up", "1 while it answers", value=1)
        tasks = GaugeMetricFamily("regulars_tasks", "Background tasks", labels=["state"])
        tasks.add_metric(["waiting"], row.waiting)
        tasks.add_metric(["failed"], row.failed)
        yield tasks
        name = "regulars_oldest_task_seconds"
        yield GaugeMetricFamily(name, "Age of the oldest task that is due", value=row.oldest)


def exposition() -> bytes:
    """All figures of this machine's processes in the text format."""
    processes: CollectorRegistry = REGISTRY
    if os.environ.get(SHARED):
        processes = CollectorRegistry()
        MultiProcessCollector(processes)
    work = CollectorRegistry()
    work.register(Work())  # type: ignore[arg-type]  # a collector is anything that collects
    return generate_latest(processes) + generate_latest(work)

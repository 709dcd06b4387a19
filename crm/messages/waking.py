"""Telling workers that messages are due: one task per transaction, whatever was planned in it."""

from datetime import datetime

from crm.db import db
from crm.ids import uuid7
from crm.queue import JOBS

MARK = "messages.woken"


def wake(now: datetime) -> None:
    """Put the job that delivers, once the current transaction is durable; once for each."""
    info = db.session().info
    if info.get(MARK) is info["waiting"]:
        return
    info[MARK] = info["waiting"]
    JOBS["messages.deliver"].put(now.isoformat(), key=f"messages.deliver:{uuid7()}")

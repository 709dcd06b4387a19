"""Processes of the product for tests of faults: workers, schedulers, imports."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text

from crm.config import Config
from crm.db import db

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "redis://127.0.0.1:1/0"  # no Redis has ever listened here


class Process:
    """A process of the product; it is killed at the end of the test if it still runs."""

    def __init__(self, settings: Config, *command: str, **environ: str) -> None:
        given = {
            "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url,
            "CRM_SECRET_KEY": settings.secret_key, "CRM_HOME": str(settings.home),
            "CRM_SANDBOX": "1", "CRM_LOG_LEVEL": "INFO",
            "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}",
        }  # fmt: skip
        self.popen = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | given | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kill(self) -> None:
        """As a crash or the kernel would: no chance to tidy up."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(10)

    def terminate(self, seconds: float = 10) -> tuple[int, str]:
        """As a service manager would; the exit status and what was written."""
        self.popen.send_signal(signal.SIGTERM)
        written, _ = self.popen.communicate(timeout=seconds)
        return self.popen.returncode, written

    def wait(self, seconds: float = 60) -> tuple[int, str]:
        """Let it end by itself."""
        written, _ = self.popen.communicate(timeout=seconds)
        return self.popen.returncode, written

    def end(self) -> None:
        if self.popen.poll() is None:
            self.kill()
        if self.popen.stdout:
            self.popen.stdout.close()


def until(what: Callable[[], Any], seconds: float = 20, every: float = 0.05) -> Any:
    """Wait until `what()` is true; fails after `seconds`. Each look sees what is committed."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        db.session.rollback()
        if found:
            return found
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(every)


def scalar(sql: str, **values: Any) -> Any:
    """The only value of a query, seen by itself."""
    found = db.session.execute(text(sql), values).scalar()
    db.session.rollback()
    return found

"""The program as it is served: a real web server in processes of its own, which may be killed."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from crm.config import Config
from crm.launcher import homes, programs
from crm.launcher.address import Address
from crm.launcher.processes import Process, Program, spawn, stop

START_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status_code: int
    data: bytes
    headers: Any

    def get_json(self) -> Any:
        return json.loads(self.data)


class Server:
    """The web server under the launcher's own settings; it can be killed and started again."""

    def __init__(self, program: Program, address: Address) -> None:
        self.program, self.address = program, address
        self.process: Process = spawn(program)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.address.answers("/healthz"):
            assert self.process.poll() is None, "the server does not start"
            assert time.monotonic() < deadline, "the server does not answer in time"
            time.sleep(0.02)

    def crash(self) -> None:
        """kill -9, the workers too; then start again at the same address."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = spawn(self.program)
        self._wait()

    def stop(self) -> None:
        stop(self.program, self.process, self.program.grace_seconds)


@contextmanager
def serving(settings: Config, folder: Path) -> Iterator[Server]:
    """Serve the tests' own database, until the end of the block."""
    given = {
        "PATH": os.environ["PATH"], "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url, "CRM_SECRET_KEY": settings.secret_key, "CRM_SANDBOX": "1",
    }  # fmt: skip
    with homes.occupy(folder, os.getpid()) as home:
        address = Address("127.0.0.1", free_port())
        environment = programs.environment(home, address, given)
        server = Server(programs.servers(home, environment, address)[-1], address)
        try:
            yield server
        finally:
            server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


IDLE_SECONDS = 10  # the server closes a connection on which nothing comes for thirty


class HttpApi:
    """The API as a shop's program calls it; each thread keeps a connection."""

    def __init__(self, server: Server, key: str) -> None:
        self.server, self.key = server, key
        self.crashes = self._writes = 0
        self._seconds = 0.0
        self._kept = threading.local()

    def __call__(
        self, method: str, path: str, body: Any = None, *, idem: str | None = None
    ) -> Answer:
        """Send JSON to /api/v1 + path."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = idem or uuid4().hex
        sent = (method, "/api/v1" + path, None if body is None else json.dumps(body), headers)
        if method != "GET" and self._writes:
            self._writes -= 1
            if not self._writes:
                return self._cut_off(sent)
        return self._send(*sent)

    def kill_amid(self, writes: int, seconds: float) -> None:
        """Let the server be killed amid the write that is so many from now (0: none), so long
        after it was sent; started again, it is sent the very same write, as a shop does that got
        no answer.
        """
        self._writes, self._seconds = writes, seconds

    def _cut_off(self, sent: tuple[Any, ...]) -> Answer:
        early: list[Answer] = []
        first = threading.Thread(target=lambda: early.extend(self._try(sent)))
        first.start()
        time.sleep(self._seconds)
        self.server.crash()
        self.crashes += 1
        first.join()
        again = self._send(*sent)
        for answer in early if sent[0] == "POST" else ():
            assert (answer.status_code, answer.data) == (again.status_code, again.data)
        return again

    def _try(self, sent: tuple[Any, ...]) -> list[Answer]:
        try:
            return [self._send(*sent)]
        except (OSError, http.client.HTTPException):
            return []  # killed before it answered

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        process, now = self.server.process.pid, time.monotonic()
        kept = self._kept.__dict__
        if kept.get("process") != process or now - kept["used"] > IDLE_SECONDS:
            address = self.server.address
            kept["line"] = http.client.HTTPConnection(address.host, address.port, timeout=60)
            kept["process"] = process
        kept["used"] = now
        line = kept["line"]
        line.request(method, path, body, headers)
        answer = line.getresponse()
        return Answer(answer.status, answer.read(), answer.headers)

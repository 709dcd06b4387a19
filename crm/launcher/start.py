"""The whole start, in order, and the whole stop."""

import os
import time

from . import homes, programs
from .address import Address
from .errors import CannotStart
from .postgres import Postgres
from .programs import CHECKOUT
from .progress import say, step
from .services import DATABASE
from .signals import Signals
from .supervision import StopAsked, Supervisor
from .valkey import Valkey

_WEB_SECONDS = 60


def serve() -> int:
    """Start everything and look after it until told to stop; the exit code."""
    keeper = os.getppid()
    try:
        address = Address.read(os.environ)
        path = homes.choose(os.environ, CHECKOUT)
        with homes.occupy(path, keeper) as home, Signals() as signals:
            return _run(Run(home, address, Supervisor(signals, home, keeper)))
    except CannotStart as error:
        return _refuse(error)


def _run(run: "Run") -> int:
    try:
        run.start()
        run.look_after()
    except StopAsked:
        say()
    except CannotStart as error:
        return _refuse(error)
    finally:
        with step("stopped"):
            run.stop()
    return 0


def _refuse(error: CannotStart) -> int:
    say(f"\nCannot start: {error}\n")
    return 1


class Run:
    """One run of the product in a home."""

    def __init__(self, home: homes.Home, address: Address, supervisor: Supervisor) -> None:
        self._home = home
        self._address = address
        self._supervisor = supervisor
        self._environment = programs.environment(home, address, os.environ)
        self._services: list[Postgres | Valkey] = []

    def start(self) -> None:
        """From the services to a web server that answers; says each step on the terminal."""
        began = time.monotonic()
        say(f"Starting Regulars; its state lies in {self._home.path}")
        self._address.require_free()
        self._start_services()
        self._announce()
        self._prepare_data()
        self._start_servers()
        say(f"\nReady after {time.monotonic() - began:.0f} s. Ctrl-C stops everything.")
        self._say_where()

    def look_after(self) -> None:
        """Until told to stop, which raises `StopAsked`."""
        self._supervisor.look_after_all(lambda: False)

    def stop(self) -> None:
        """Web, scheduler, worker, Valkey, PostgreSQL: what is used ends after its users."""
        self._supervisor.stop_all()
        for service in self._services:
            service.tidy()

    def _start_services(self) -> None:
        if not self._environment.get("DATABASE_URL"):
            postgres = Postgres(self._home, lasting=True)
            self._services.append(postgres)
            with step(f"PostgreSQL {postgres.version()}{postgres.whose}"):
                postgres.prepare()
                process = self._supervisor.start(postgres.program())
                self._environment["DATABASE_URL"] = postgres.wait_until_ready(process, DATABASE)
            if self._home.path not in postgres.place.parents:
                say(f"    its files lie in {postgres.place}, since it cannot enter the home")
        if not self._environment.get("REDIS_URL"):
            valkey = Valkey(self._home, lasting=True)
            self._services.append(valkey)
            with step("Valkey"):
                process = self._supervisor.start(valkey.program())
                self._environment["REDIS_URL"] = valkey.wait_until_ready(process)

    def _announce(self) -> None:
        facts = {"process": os.getppid(), "base_url": self._environment["CRM_BASE_URL"]}
        ours = {name: value for name, value in self._environment.items() if _is_setting(name)}
        self._home.announce(facts | {"environment": ours})

    def _prepare_data(self) -> None:
        with step("tables up to date"):
            self._crm("db", "upgrade")
        if self._environment.get("CRM_DEMO") == "0":
            with step("empty shop"):
                self._crm("demo", "credentials")
        else:
            say("  loading the demo shop")
            with step("demo shop loaded"):
                self._crm("demo", "load")

    def _crm(self, *words: str) -> None:
        self._supervisor.run(programs.command(self._home, self._environment, *words))

    def _start_servers(self) -> None:
        with step("web, worker, scheduler"):
            for program in programs.servers(self._home, self._environment, self._address):
                web = self._supervisor.start(program)
            deadline = time.monotonic() + _WEB_SECONDS

            def answers() -> bool:
                if web.poll() is not None or time.monotonic() > deadline:
                    raise CannotStart(f"web does not answer.\n{self._home.last_words('web')}")
                return self._address.answers("/healthz")

            self._supervisor.look_after_all(answers, every_seconds=0.1)

    def _say_where(self) -> None:
        url = self._environment["CRM_BASE_URL"]
        say(f"  Console      {url}/console")
        say(f"  API          {url}/api/v1/docs")
        say(f"  Credentials  {self._home.path / 'demo-credentials.json'}")
        say(f"  Logs         {self._home.path / 'logs'}")


def _is_setting(name: str) -> bool:
    return name.startswith("CRM_") or name in ("DATABASE_URL", "REDIS_URL", "HOST", "PORT")

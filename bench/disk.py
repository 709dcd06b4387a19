"""What the disk does meanwhile: how long a small write takes to be durable, ten times a second.

A stall that this sees too is the disk's, whoever filled it; one that it does not see is ours.
"""

import os
import tempfile
import threading
import time
from pathlib import Path

_EVERY = 0.1
_PAGE = bytes(8192)


class Probe:
    """Writes and waits in a thread, from `with` to its end; then `longest_ms` is known."""

    def __init__(self, folder: Path | None) -> None:
        self.longest_ms = 0.0
        self._folder = folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        with tempfile.TemporaryFile(dir=self._folder, buffering=0) as file:
            while not self._over.wait(_EVERY):
                began = time.perf_counter()
                os.pwrite(file.fileno(), _PAGE, 0)
                os.fdatasync(file.fileno())
                self.longest_ms = max(self.longest_ms, 1000 * (time.perf_counter() - began))

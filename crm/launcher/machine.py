"""What this machine lets us use, and what the database is given of it.

Shares as PostgreSQL's own documentation recommends for a machine with other work to do, bounded so
that a small host is not pressed and a large one not wasted. Pages count once they are used.
"""

import os
from pathlib import Path

MB = 1024 * 1024
_ROOT = Path("/sys/fs/cgroup")
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # of control groups, version 2 and 1
_MOST_HELPERS = 4  # beside the process that was asked: one question is not to fill a large machine


def memory(root: Path = _ROOT) -> int:
    """Bytes: the machine's memory, or what its container may use if that is less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([whole, *filter(None, (_limit(root / name) for name in _LIMITS))])


def processors(root: Path = _ROOT) -> int:
    """How many we may run on, at least one; a container's share is rounded up."""
    found = len(os.sched_getaffinity(0))
    said = _said(root / "cpu.max").split()  # "200000 100000": of so many microseconds
    if len(said) == 2 and said[0].isdigit():
        found = min(found, -(-int(said[0]) // int(said[1])))
    return max(found, 1)


def for_postgres(total: int, cores: int) -> dict[str, str]:
    """PostgreSQL's settings for a machine of so many bytes and processors.

    Who is asked takes part in the work himself, so his helpers are one fewer than the processors:
    one more would do nothing but compute again what each of them needs for itself.
    """
    shares = {
        "shared_buffers": _within(total // 8, 128, 4096),
        "effective_cache_size": _within(total // 2, 256, 65536),
        "maintenance_work_mem": _within(total // 32, 64, 512),
        "work_mem": _within(total // 512, 4, 64),
    }
    helpers = max(0, min(cores - 1, _MOST_HELPERS))
    return {
        **{name: f"{megabytes}MB" for name, megabytes in shares.items()},
        "max_parallel_workers_per_gather": str(helpers),
    }


def _within(share: int, least: int, most: int) -> int:
    return max(least, min(share // MB, most))


def _limit(file: Path) -> int | None:
    """What the file says in bytes; None where there is none, or it says "max"."""
    said = _said(file).strip()
    return int(said) if said.isdigit() else None


def _said(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""

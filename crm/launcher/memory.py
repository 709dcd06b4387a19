"""How much memory this machine lets us use, and what the database is given of it.

Shares as PostgreSQL's own documentation recommends for a machine with other work to do, bounded so
that a small host is not pressed and a large one not wasted. Pages count once they are used.
"""

import os
from pathlib import Path

MB = 1024 * 1024
_ROOT = Path("/sys/fs/cgroup")
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # of control groups, version 2 and 1


def usable(root: Path = _ROOT) -> int:
    """Bytes: the machine's memory, or what its container may use if that is less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([whole, *filter(None, (_limit(root / name) for name in _LIMITS))])


def for_postgres(total: int) -> dict[str, str]:
    """PostgreSQL's settings for a machine of so many bytes."""
    shares = {
        "shared_buffers": _within(total // 8, 128, 4096),
        "effective_cache_size": _within(total // 2, 256, 65536),
        "maintenance_work_mem": _within(total // 32, 64, 512),
    }
    return {name: f"{megabytes}MB" for name, megabytes in shares.items()}


def _within(share: int, least: int, most: int) -> int:
    return max(least, min(share // MB, most))


def _limit(file: Path) -> int | None:
    """What the file says in bytes; None where there is none, or it says "max"."""
    try:
        said = file.read_text().strip()
    except OSError:
        return None
    return int(said) if said.isdigit() else None

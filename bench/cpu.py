"""CPU time of a process and all under it: steadier than rates on a machine that others use."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def seconds(root: int) -> float:
    """User + system seconds that `root` and its descendants have used so far.

    A child that has ended counts in its parent's figures (proc(5), cutime and cstime), so nothing
    is lost as long as `root` lives.
    """
    spent, children = _processes()
    total, waiting = 0, [root]
    while waiting:
        one = waiting.pop()
        total += spent.get(one, 0)
        waiting += children.get(one, [])
    return total / _TICKS


def children(pid: int) -> list[int]:
    """The processes that `pid` has started and that still run."""
    return _processes()[1].get(pid, [])


def parent(pid: int) -> int:
    """The process that started `pid`."""
    return int(_fields(Path(f"/proc/{pid}/stat").read_text())[1])


def _processes() -> tuple[dict[int, int], dict[int, list[int]]]:
    spent: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = _fields(entry.read_text(errors="replace"))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        pid = int(entry.parent.name)
        spent[pid] = sum(int(ticks) for ticks in fields[11:15])
        children.setdefault(int(fields[1]), []).append(pid)
    return spent, children


def _fields(stat: str) -> list[str]:
    # From the third field on: the name before it may itself hold spaces and parentheses.
    return stat.rpartition(")")[2].split()

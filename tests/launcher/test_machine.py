"""The database is given a share of the memory and of the processors that there are."""

import os
from pathlib import Path

import pytest

from crm.launcher import machine

WHOLE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
CORES = len(os.sched_getaffinity(0))
GB = 1024 * machine.MB


def limited(root: Path, name: str, said: str) -> Path:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(f"{said}\n")
    return root


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_container_may_use_what_its_limit_says(tmp_path, name):
    assert machine.memory(limited(tmp_path, name, str(100 * machine.MB))) == 100 * machine.MB


@pytest.mark.parametrize("said", ["max", str(2**63 - 4096)])
def test_without_a_limit_it_is_the_memory_of_the_machine(tmp_path, said):
    assert machine.memory(limited(tmp_path, "memory.max", said)) == WHOLE


def test_where_there_are_no_control_groups_it_is_the_memory_of_the_machine(tmp_path):
    assert machine.memory(tmp_path / "missing") == WHOLE


@pytest.mark.parametrize(
    ("total", "buffers", "work"),
    [(GB // 2, "128MB", "4MB"), (8 * GB, "1024MB", "16MB"), (256 * GB, "4096MB", "64MB")],
)
def test_the_share_has_bounds(total, buffers, work):
    given = machine.for_postgres(total, 2)
    assert (given["shared_buffers"], given["work_mem"]) == (buffers, work)


@pytest.mark.parametrize(("cores", "helpers"), [(1, "0"), (2, "1"), (4, "3"), (64, "4")])
def test_who_is_asked_counts_among_those_who_work_on_a_question(cores, helpers):
    assert machine.for_postgres(GB, cores)["max_parallel_workers_per_gather"] == helpers


def test_a_container_runs_on_as_many_processors_as_its_share_makes_up(tmp_path):
    assert machine.processors(limited(tmp_path, "cpu.max", "50000 100000")) == 1
    assert machine.processors(limited(tmp_path, "cpu.max", "max 100000")) == CORES
    assert machine.processors(tmp_path / "missing") == CORES

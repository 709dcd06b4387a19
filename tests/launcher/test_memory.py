"""The database is given a share of the memory that there is."""

import os
from pathlib import Path

import pytest

from crm.launcher import memory

WHOLE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
GB = 1024 * memory.MB


def limited(root: Path, name: str, said: str) -> Path:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(f"{said}\n")
    return root


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_container_may_use_what_its_limit_says(tmp_path, name):
    assert memory.usable(limited(tmp_path, name, str(100 * memory.MB))) == 100 * memory.MB


@pytest.mark.parametrize("said", ["max", str(2**63 - 4096)])
def test_without_a_limit_it_is_the_memory_of_the_machine(tmp_path, said):
    assert memory.usable(limited(tmp_path, "memory.max", said)) == WHOLE


def test_where_there_are_no_control_groups_it_is_the_memory_of_the_machine(tmp_path):
    assert memory.usable(tmp_path / "missing") == WHOLE


@pytest.mark.parametrize(
    ("total", "buffers"), [(GB // 2, "128MB"), (8 * GB, "1024MB"), (256 * GB, "4096MB")]
)
def test_the_share_has_bounds(total, buffers):
    assert memory.for_postgres(total)["shared_buffers"] == buffers

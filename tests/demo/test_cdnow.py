import zipfile
from datetime import date
from pathlib import Path

import pytest

from crm.demo import cdnow
from crm.demo.cdnow import Purchase, SourceUnusable

HEADING = " customer_id  date number_of_cds  dollar_value\r\n"


def _wheel(folder: Path, text: str, member: str = cdnow.MEMBER) -> Path:
    wheel = folder / "Lifetimes-0.11.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, text)
    return wheel


def test_a_line_becomes_a_purchase_with_its_dollars_in_cents(tmp_path):
    _wheel(tmp_path, HEADING + " 00004 19970118  2   29.73\r\n 00005 19970204  3    0.00\r\n\r\n")
    assert cdnow.read(tmp_path) == [
        Purchase(4, date(1997, 1, 18), 2, 2973),
        Purchase(5, date(1997, 2, 4), 3, 0),
    ]


def test_the_wheel_is_found_by_its_own_path_and_by_its_folder(tmp_path):
    wheel = _wheel(tmp_path, HEADING)
    assert cdnow.find(wheel) == cdnow.find(tmp_path) == wheel


def test_a_missing_wheel_is_refused_with_the_command_that_fetches_it(tmp_path):
    with pytest.raises(SourceUnusable, match="pip download --no-deps lifetimes=="):
        cdnow.read(tmp_path)


def test_a_wheel_without_the_history_is_refused(tmp_path):
    _wheel(tmp_path, HEADING, member="lifetimes/other.txt")
    with pytest.raises(SourceUnusable, match="CDNOW_master"):
        cdnow.read(tmp_path)


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    broken = tmp_path / "lifetimes-0.11.3.whl"
    broken.write_bytes(b"half a download")
    with pytest.raises(SourceUnusable, match="holds no readable"):
        cdnow.read(tmp_path)


@pytest.mark.parametrize(
    "line", ["1 19970101 1", "x 19970101 1 2.00", "1 19971301 1 2.00", "1 19970101 1 nothing"]
)
def test_a_line_that_cannot_be_read_is_refused_by_its_number(line):
    with pytest.raises(SourceUnusable, match="Line 3 "):
        cdnow.parse(["1 19970101 1 2.00", line])

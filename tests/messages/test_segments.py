"""How many parts a text message takes, counted as networks count."""

import pytest

from crm.messages.templates.segments import of_text

pytestmark = pytest.mark.usefixtures("no_database")


@pytest.mark.parametrize(
    ("text", "encoding", "count", "units"),
    [
        ("", "gsm7", 1, 0),
        ("a" * 160, "gsm7", 1, 160),
        ("a" * 161, "gsm7", 2, 161),
        ("a" * 306, "gsm7", 2, 306),
        ("a" * 307, "gsm7", 3, 307),
        ("€" * 80, "gsm7", 1, 160),
        ("€" * 81, "gsm7", 2, 162),
        ("a" * 152 + "€" + "a" * 152, "gsm7", 3, 306),  # no part ends inside an escape
        ("[x]{y}~^|\\", "gsm7", 1, 18),
        ("àéùÆß¿ÄΩ\n", "gsm7", 1, 9),
        ("ç", "ucs2", 1, 1),  # only the capital is in the alphabet
        ("`", "ucs2", 1, 1),
        ("中" * 70, "ucs2", 1, 70),
        ("中" * 71, "ucs2", 2, 71),
        ("中" * 134, "ucs2", 2, 134),
        ("中" * 135, "ucs2", 3, 135),
        ("😀" * 35, "ucs2", 1, 70),
        ("😀" * 36, "ucs2", 2, 72),
        ("中" * 66 + "😀" + "中" * 66, "ucs2", 3, 134),  # no part ends inside a pair
        ("a" * 69 + "中", "ucs2", 1, 70),
    ],
)
def test_parts_and_units_of_a_text(text: str, encoding: str, count: int, units: int):
    found = of_text(text)
    assert (found.encoding, found.count, found.units) == (encoding, count, units)


def test_the_alphabet_has_127_characters_and_its_extension_ten():
    basic = [char for code in range(0x2100) if of_text(char := chr(code)).encoding == "gsm7"]
    assert len(basic) == 127 + 10  # the escape itself is no character
    assert sum(of_text(char).units == 2 for char in basic) == 10

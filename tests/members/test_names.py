"""How names are read and found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.members.names import keys_of, keys_of_query
from crm.members.names.keys import MOST_KEYS

pytestmark = pytest.mark.usefixtures("no_database")
HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=2, max_size=6)


def finds(typed: str, name: str) -> bool:
    """Whether typing this finds this name."""
    wanted = keys_of_query(typed)
    return bool(wanted) and set(wanted) <= set(keys_of(name).keys)


@pytest.mark.parametrize(
    "typed",
    [
        "林晓雯",
        "林",
        "晓",
        "晓雯",
        "林晓",
        "曉雯",
        "lin",
        "linxiaowen",
        "LinXiaoWen",
        "lin xiao wen",
        "lin xiaowen",
        "xiaowen",
        "xiaowen lin",
        "Lín Xiǎowén",
        "linxia",
        "xiaow",
        "lxw",
        "l x w",
        "LX",
        "xw",
        "linxw",
        "林xw",
        "lin 晓",
    ],
)
def test_every_way_of_typing_a_chinese_name_finds_it(typed: str):
    assert finds(typed, "林晓雯")


@pytest.mark.parametrize("typed", ["晓林", "wen lan", "lxx", "inxiao", "l", "", "林晓文", "雯林"])
def test_what_is_not_in_the_name_does_not_find_it(typed: str):
    assert not finds(typed, "林晓雯")


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        ("刘晓雯", "劉曉雯"),
        ("欧阳若兰", "歐陽若蘭"),
        ("钟嘉欣", "鍾嘉欣"),
        ("肖红", "蕭紅"),
        ("卫斯理", "衞斯理"),
        ("叶问", "葉問"),
        ("范文程", "范文程"),
        ("吴云", "吳雲"),
    ],
)
def test_simplified_and_traditional_find_each_other(simplified: str, traditional: str):
    assert finds(simplified, traditional)
    assert finds(traditional, simplified)
    assert keys_of(simplified).sort == keys_of(traditional).sort


@pytest.mark.parametrize(
    ("name", "right", "common"),
    [
        ("单雄信", "shan", "dan"),
        ("曾小明", "zeng", "ceng"),
        ("仇英", "qiu", "chou"),
        ("区小明", "ou", "qu"),
        ("查良镛", "zha", "cha"),
        ("解缙", "xie", "jie"),
        ("朴树", "piao", "pu"),
        ("盖叫天", "ge", "gai"),
        ("單雄信", "shan", "dan"),
        ("翟志刚", "zhai", "di"),
        ("覃小梅", "qin", "tan"),
    ],
)
def test_surnames_are_found_by_their_own_reading_and_by_the_common_one(
    name: str, right: str, common: str
):
    assert (keys_of(name).sort or "").split()[0] == right
    assert finds(right, name)
    assert finds(common, name)


def test_a_surname_character_inside_a_given_name_is_read_as_usual():
    assert keys_of("王朝阳").sort == "wang chao yang"
    assert keys_of("李单").sort == "li dan"


def test_compound_surnames_are_read_and_abbreviated_whole():
    for typed in ("ouyang", "ouyangrl", "oyrl", "rl", "ruolan", "欧阳"):
        assert finds(typed, "欧阳若兰")
    assert keys_of("尉迟恭").sort == "yu chi gong"
    assert finds("yuchi", "尉迟恭")
    assert finds("weichi", "尉迟恭")
    assert keys_of("单于").sort == "chan yu"


def test_umlauts_are_found_however_they_are_typed():
    for typed in ("lv", "lyu", "lu", "lü", "LÜ bu", "lubu"):
        assert finds(typed, "吕布")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("dan", "Daniel O’Brien"),
        ("obrien", "Daniel O’Brien"),
        ("O'Brien", "Daniel O’Brien"),
        ("obrien daniel", "Daniel O’Brien"),
        ("do", "Daniel O’Brien"),
        ("zoe", "Zoë Müller"),
        ("Müller", "Zoë Müller"),
        ("mull", "Zoë Müller"),
        ("ka yan", "Au-Yeung Ka Yan"),
        ("민수", "김민수"),
        ("花子", "山田花子"),
        ("emma", "陈 Emma"),
        ("陈", "陈 Emma"),
        ("chenemma", "陈 Emma"),
        ("買", "阿卜杜拉·买买提"),
        ("ＥＭＭＡ", "陈 Emma"),
    ],
)
def test_other_names_are_found_by_words_beginnings_and_initials(typed: str, name: str):
    assert finds(typed, name)


def test_names_sort_by_how_they_sound():
    names = ["王伟", "林晓雯", "Anna", "曾小明", "单雄信", "欧阳兰", "林晓", "李雷"]
    in_order = sorted(names, key=lambda name: keys_of(name).sort or "")
    assert in_order == ["Anna", "李雷", "林晓", "林晓雯", "欧阳兰", "单雄信", "王伟", "曾小明"]


@given(HAN)
def test_every_part_of_a_chinese_name_finds_it(name: str):
    for start in range(len(name)):
        for end in range(start + 1, len(name) + 1):
            assert finds(name[start:end], name)


@given(st.text(max_size=100))
def test_no_name_makes_the_reader_fail_and_its_keys_are_bounded(name: str):
    found = keys_of(name)
    assert len(found.keys) <= MOST_KEYS
    assert all(key and "\0" not in key and '"' not in key for key in found.keys)


def test_a_name_of_signs_alone_has_no_keys():
    assert keys_of("…—!") == (None, [])
    assert keys_of(None) == (None, [])

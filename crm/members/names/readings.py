"""How Chinese characters sound in names. pypinyin knows texts; names are their own matter.

The first reading sorts, all are found: whoever types the common reading finds the member too.
"""

import os
from functools import cache, lru_cache
from importlib import import_module
from itertools import product
from types import ModuleType

from crm.members.names.writing import simplified

# Names are read sign by sign: its dictionary of phrases would only hold 45 MB in every process.
os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")
MOST_READINGS = 6

# As a surname: where it differs from the reading in texts, or is often misread.
_SURNAMES = """
单:shan/dan 曾:zeng/ceng 仇:qiu/chou 区:ou/qu 查:zha/cha 解:xie/jie 朴:piao/pu 盖:ge/gai 乐:yue/le
尉:wei/yu 缪:miao/mou 覃:qin/tan 翟:zhai/di 种:chong/zhong 员:yun/yuan 薄:bo/bao 柏:bai/bo 卜:bu/bo
乜:nie/mie 宓:mi/fu 郗:xi/chi 召:shao/zhao 牟:mou/mu 秘:bi/mi 隗:wei/kui 祭:zhai/ji 句:gou/ju
折:she/zhe 洗:xian/xi 冼:xian 黑:he/hei 繁:po/fan 么:yao/me 幺:yao 那:na 哈:ha 车:che/ju
行:xing/hang 都:du/dou 能:nai/neng 会:gui/hui 强:qiang/jiang 谌:chen/shen 长:zhang/chang
重:chong/zhong 盛:sheng/cheng 晟:sheng/cheng 教:jiao 见:jian 贲:ben/bi 费:fei/bi 莘:shen/xin
适:kuo/shi 干:gan/qian 奇:qi 角:jue/jiao 宿:su/xiu 降:jiang/xiang 石:shi 夏:xia 沈:shen 于:yu
"""
_COMPOUND = """
欧阳:ou-yang 司马:si-ma 上官:shang-guan 诸葛:zhu-ge 司徒:si-tu 夏侯:xia-hou 皇甫:huang-fu
尉迟:yu-chi 慕容:mu-rong 长孙:zhang-sun 宇文:yu-wen 公孙:gong-sun 令狐:ling-hu 万俟:mo-qi
澹台:tan-tai 单于:chan-yu 呼延:hu-yan 端木:duan-mu 东方:dong-fang 独孤:du-gu 南宫:nan-gong
西门:xi-men 轩辕:xuan-yuan 钟离:zhong-li 闻人:wen-ren 申屠:shen-tu 太史:tai-shi 公冶:gong-ye
淳于:chun-yu 濮阳:pu-yang 鲜于:xian-yu 赫连:he-lian 拓跋:tuo-ba 百里:bai-li 东郭:dong-guo
梁丘:liang-qiu 左丘:zuo-qiu 仲孙:zhong-sun 司空:si-kong 宗政:zong-zheng
"""
# In given names: what texts read in another way, or in more ways than one.
_GIVEN = """
茜:qian/xi 莘:xin/shen 晟:sheng/cheng 盛:sheng/cheng 乐:le/yue 长:chang/zhang 朝:chao/zhao
重:chong/zhong 行:xing/hang 曾:zeng/ceng 婷:ting 娜:na 珩:heng/hang 湛:zhan 劲:jin/jing
隽:jun/juan 莞:wan/guan 蔚:wei 芮:rui 校:xiao 柏:bai/bo 都:du/dou 降:xiang/jiang 觉:jue 大:da
和:he 石:shi 佛:fo/fu 干:gan/qian 单:dan/shan 解:jie/xie 藏:zang/cang 颉:jie/xie 嬛:huan/xuan
"""


def _table(text: str, between: str) -> dict[str, tuple[str, ...]]:
    pairs = (entry.split(":") for entry in text.split())
    return {signs: tuple(sounds.split(between)) for signs, sounds in pairs}


SURNAMES = _table(_SURNAMES, "/")
COMPOUND = _table(_COMPOUND, "-")
GIVEN = _table(_GIVEN, "/")
MISREAD = {"单于", "万俟", "尉迟", "澹台"}  # compound surnames also typed as they look


@cache
def dictionary() -> ModuleType:
    """pypinyin. It takes 12 MB, and workers that only send messages read no names; the web server
    loads it before the first request."""
    return import_module("pypinyin")


@lru_cache(maxsize=20_000)
def _sounds(sign: str) -> tuple[str, ...]:
    """The readings of a character; itself where there is none (kana, Hangul, rare signs)."""
    known = GIVEN.get(simplified(sign))
    if known:
        return known
    pypinyin = dictionary()
    sound = pypinyin.pinyin(sign, style=pypinyin.Style.NORMAL, errors="default")[0][0]
    return with_umlaut(sound)


def with_umlaut(sound: str) -> tuple[str, ...]:
    """`lv` is also typed `lyu` (as passports have it) and `lu`."""
    if "v" not in sound:
        return (sound,)
    return (sound, sound.replace("v", "yu"), sound.replace("v", "u"))


@lru_cache(maxsize=4_000)
def _surname(sign: str) -> tuple[str, ...]:
    return SURNAMES.get(simplified(sign)) or _sounds(sign)


def syllables(name: str) -> tuple[int, list[tuple[str, ...]]]:
    """The readings of a run of ideographs that begins with a surname.

    Returns how many characters the surname has, and up to `MOST_READINGS` readings, best first.
    """
    folded = "".join(map(simplified, name[:2]))
    if folded in COMPOUND and len(name) > 1:
        options = [(sound,) for sound in COMPOUND[folded]]
        if folded in MISREAD:
            options = [(*one, *_sounds(sign)) for one, sign in zip(options, name, strict=False)]
        surname = 2
    else:
        options = [_surname(name[0])]
        surname = 1
    options += [_sounds(sign) for sign in name[surname:]]
    readings: list[tuple[str, ...]] = []
    for reading in product(*options):
        if reading not in readings:
            readings.append(reading)
        if len(readings) == MOST_READINGS:
            break
    return surname, readings

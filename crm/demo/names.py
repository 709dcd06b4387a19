"""People's names: mainland, Hong Kong, Taiwan and the rest of the world.

The tables are written as `字pinyin` (surnames with a weight), simplified; `_TRADITIONAL` gives the
other form of every character that has one.
"""

import re
from functools import cache
from typing import NamedTuple

from crm.demo.draws import Draws, words

# Rough shares of the hundred commonest surnames; compound and often misread ones (单, 曾, 仇, 解,
# 查, 区) are more frequent than in life, so that a look into the demo meets them.
_SURNAMES = """
王wang72 李li72 张zhang68 刘liu54 陈chen45 杨yang31 黄huang22 赵zhao21 周zhou19 吴wu19 徐xu17
孙sun15 朱zhu13 马ma13 胡hu12 林lin15 郭guo12 何he11 高gao10 罗luo9 郑zheng9 梁liang8 谢xie8
宋song7 唐tang7 许xu6 韩han6 邓deng6 冯feng6 曹cao6 彭peng5 曾zeng9 肖xiao5 田tian5 董dong5
潘pan5 袁yuan5 蔡cai5 蒋jiang5 余yu5 于yu5 杜du4 叶ye5 程cheng4 魏wei4 苏su5 吕lv4 丁ding4
任ren4 卢lu4 姚yao4 沈shen5 钟zhong4 姜jiang4 崔cui4 谭tan4 陆lu4 范fan3 汪wang3 廖liao3 石shi3
金jin3 韦wei3 贾jia3 夏xia3 付fu3 方fang3 邹zou3 熊xiong3 白bai3 孟meng3 秦qin3 邱qiu3 侯hou2
江jiang3 尹yin2 薛xue2 阎yan2 段duan2 雷lei2 龙long2 陶tao2 黎li2 贺he2 顾gu3 毛mao2 郝hao2
龚gong2 邵shao2 万wan2 钱qian3 严yan2 赖lai2 单shan4 仇qiu1 解xie1 查zha2 区ou1 欧阳ouyang4
司马sima1 上官shangguan2 诸葛zhuge2 司徒situ2 夏侯xiahou1 皇甫huangfu1 尉迟yuchi1 慕容murong1
"""
_WOMEN_FIRST = """
晓xiao 雨yu 梦meng 思si 佳jia 欣xin 诗shi 静jing 雅ya 若ruo 婉wan 紫zi 心xin 艺yi 子zi 可ke 雪xue
慧hui 丽li 美mei 淑shu 嘉jia 依yi 语yu 春chun 秀xiu 文wen 海hai 玉yu 书shu
"""
_WOMEN_LAST = """
雯wen 萱xuan 琪qi 怡yi 婷ting 妍yan 涵han 颖ying 宁ning 兰lan 洁jie 瑶yao 琳lin 莹ying 娜na
芳fang 芸yun 敏min 玲ling 燕yan 佩pei 薇wei 彤tong 月yue 华hua 君jun 英ying 红hong 霞xia 倩qian
"""
_MEN_FIRST = """
志zhi 建jian 明ming 子zi 浩hao 俊jun 启qi 文wen 国guo 宇yu 家jia 天tian 伟wei 晓xiao 永yong 嘉jia
泽ze 思si 一yi 海hai 振zhen 少shao 承cheng 景jing 立li 德de 世shi 云yun 新xin 正zheng
"""
_MEN_LAST = """
明ming 强qiang 伟wei 杰jie 轩xuan 涛tao 鹏peng 辉hui 磊lei 博bo 军jun 华hua 峰feng 龙long 超chao
宇yu 晨chen 平ping 斌bin 凯kai 睿rui 航hang 宏hong 翔xiang 东dong 亮liang 刚gang 远yuan 成cheng
林lin
"""
_TRADITIONAL = str.maketrans(
    "张刘陈杨黄赵吴孙马罗郑谢许韩邓冯肖蒋叶苏吕卢钟谭陆韦贾邹阎龙贺顾龚万钱严赖单区欧阳诸尉迟"
    "晓梦诗静艺丽语书颖宁兰洁莹芸红启国伟泽云强杰轩涛鹏辉军华东刚远凯瑶",
    "張劉陳楊黃趙吳孫馬羅鄭謝許韓鄧馮蕭蔣葉蘇呂盧鍾譚陸韋賈鄒閻龍賀顧龔萬錢嚴賴單區歐陽諸尉遲"
    "曉夢詩靜藝麗語書穎寧蘭潔瑩芸紅啟國偉澤雲強傑軒濤鵬輝軍華東剛遠凱瑤",
)
_CANTONESE = words(
    "Chan Chan Chan Lee Lee Wong Wong Wong Cheung Cheung Lam Lam Leung Leung Ho Ng Ng Lau Tsang "
    "Cheng Yeung Kwok Tang Fung Chow Yip Au-Yeung Szeto"
)
_ENGLISH_WOMEN = words(
    "Emma Sophie Grace Olivia Claire Hannah Maya Julia Alice Rachel Naomi Priya Elena Megan Amy "
    "Ruth Joyce Vivian Karen Michelle Carmen Iris Stella Zoë"
)
_ENGLISH_MEN = words(
    "Daniel James Michael David Thomas Lucas Oliver Ben Samuel Kevin Jason Eric Andrew Peter Omar "
    "Rafael Henry Martin Alex Victor Simon Leo Kenneth Raymond"
)
_ENGLISH_SURNAMES = words(
    "Smith Johnson Brown Miller Davis Wilson Moore Taylor Anderson Clark Lewis Walker Young Hall "
    "Rivera Okafor Laurent Nguyen Kim Patel Garcia O’Brien Novak Fischer Rossi Silva Larsson Cohen"
)


class Name(NamedTuple):
    """A name as written, and in plain small ASCII letters for addresses."""

    written: str
    plain: str


class _Part(NamedTuple):
    simplified: str
    traditional: str
    pinyin: str


@cache
def _parts(table: str) -> tuple[_Part, ...]:
    parts = []
    for word in words(table):
        match = re.fullmatch(r"(\D+?)([a-z]+)(\d*)", word)
        assert match, word
        han, pinyin, weight = match.groups()
        parts += [_Part(han, han.translate(_TRADITIONAL), pinyin)] * int(weight or 1)
    return tuple(parts)


def chinese(female: bool, traditional: bool, draws: Draws) -> Name:
    """A Chinese name, surname first; one given name in six is a single character."""
    surname = draws.one_of(_parts(_SURNAMES))
    last = draws.one_of(_parts(_WOMEN_LAST if female else _MEN_LAST))
    given = [last]
    if not draws.chance(1 / 6):
        given.insert(0, draws.one_of(_parts(_WOMEN_FIRST if female else _MEN_FIRST)))
    parts = [surname, *given]
    written = "".join(part.traditional if traditional else part.simplified for part in parts)
    return Name(written, "".join(part.pinyin for part in given) + "." + surname.pinyin)


def english(female: bool, surnames: str, draws: Draws) -> Name:
    """An English given name with a surname of `surnames`: world, pinyin or cantonese."""
    given = draws.one_of(_ENGLISH_WOMEN if female else _ENGLISH_MEN)
    if surnames == "pinyin":
        surname = draws.one_of(_parts(_SURNAMES)).pinyin.replace("lv", "lyu").capitalize()
    else:
        surname = draws.one_of(_CANTONESE if surnames == "cantonese" else _ENGLISH_SURNAMES)
    return Name(f"{given} {surname}", f"{_plain(given)}.{_plain(surname)}")


def _plain(word: str) -> str:
    return word.lower().replace("ë", "e").replace("’", "").replace("-", "")

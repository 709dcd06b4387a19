"""What the shop sells. Tea is sold by grade and weight, ware by maker: a product has a price range.

That is also what lets made-up lines add up to the real amount of an order without odd discounts.
"""

from functools import cache
from typing import NamedTuple

CATEGORIES = ("绿茶", "红茶", "白茶", "乌龙", "普洱", "花茶", "茶具", "礼盒", "茶点")

_STEP = 500


class Product(NamedTuple):
    """One article: `low` ≤ unit price in fen < `high`."""

    sku: str
    category: str
    name: str
    labels: tuple[str, ...]
    low: int
    high: int


# sku | name in Chinese | in English | price range in yuan, in fives | labels
_SHELF = """
绿茶
LC-01 | 明前龙井 | Longjing before Qingming | 80-450 | seasonal
LC-02 | 碧螺春 | Biluochun | 70-240 |
LC-03 | 黄山毛峰 | Huangshan Maofeng | 55-150 |
LC-04 | 太平猴魁 | Taiping Houkui | 90-260 |
LC-05 | 六安瓜片 | Lu’an Guapian | 65-160 |
LC-06 | 炒青口粮茶 | Everyday pan-fired green | 15-80 |
红茶
HC-01 | 金骏眉 | Jinjunmei | 95-520 |
HC-02 | 正山小种 | Lapsang Souchong | 60-180 |
HC-03 | 祁门红茶 | Keemun | 50-140 |
HC-04 | 滇红金针 | Yunnan golden needles | 45-125 |
HC-05 | 英德红茶 | Yingde black | 20-95 |
白茶
BC-01 | 白毫银针 | Silver needle | 100-480 |
BC-02 | 白牡丹 | White peony | 65-190 |
BC-03 | 寿眉 | Shoumei | 25-110 | organic
BC-04 | 老白茶饼 | Aged white tea cake | 85-420 | aged
乌龙
WL-01 | 铁观音 | Tieguanyin | 60-210 |
WL-02 | 武夷大红袍 | Da Hong Pao | 85-600 |
WL-03 | 凤凰单丛 | Phoenix Dancong | 75-320 |
WL-04 | 冻顶乌龙 | Dong Ding oolong | 70-220 |
WL-05 | 东方美人 | Oriental Beauty | 90-380 |
WL-06 | 水仙 | Shuixian | 25-95 |
普洱
PE-01 | 易武古树生普 | Yiwu old-tree raw pu’er | 110-900 | aged
PE-02 | 勐海熟普饼 | Menghai ripe pu’er cake | 75-260 |
PE-03 | 小青柑 | Pu’er in green tangerine | 55-145 |
PE-04 | 普洱沱茶 | Pu’er tuocha | 20-100 |
PE-05 | 陈年普洱 | Pu’er of many years | 260-3000 | aged
花茶
HA-01 | 茉莉龙珠 | Jasmine pearls | 70-210 |
HA-02 | 桂花乌龙 | Osmanthus oolong | 55-130 | seasonal
HA-03 | 玫瑰红茶 | Rose black tea | 45-115 |
HA-04 | 洛神花果茶 | Roselle fruit tea | 15-90 | caffeine_free
HA-05 | 胎菊 | Chrysanthemum buds | 20-100 | caffeine_free
茶具
CJ-01 | 宜兴紫砂壶 | Yixing teapot | 240-3000 | fragile
CJ-02 | 盖碗 | Gaiwan | 60-220 | fragile
CJ-03 | 玻璃公道杯 | Glass sharing jug | 35-110 | fragile
CJ-04 | 品茗杯一对 | Pair of tasting cups | 45-160 | fragile
CJ-05 | 竹茶则 | Bamboo tea scoop | 5-60 |
CJ-06 | 旅行茶具套装 | Travel tea set | 120-360 | fragile
CJ-07 | 铸铁壶 | Cast-iron kettle | 320-1600 |
礼盒
LH-01 | 四季茶礼盒 | Four seasons gift box | 160-420 | gift
LH-02 | 伴手礼小盒 | Little gift box | 60-150 | gift
LH-03 | 新春礼盒 | New Year gift box | 180-680 | gift seasonal
LH-04 | 商务典藏礼盒 | Collector’s gift box | 400-3000 | gift
LH-05 | 茶与器对盒 | Tea and cup gift box | 95-260 | gift
茶点
CD-01 | 抹茶曲奇 | Matcha biscuits | 25-95 |
CD-02 | 桂花糕 | Osmanthus cake | 15-80 |
CD-03 | 山核桃仁 | Hickory nuts | 30-120 | contains_nuts
CD-04 | 试饮小包 | Tasting sachet | 0-45 |
CD-05 | 茶点拼盘 | Assorted tea snacks | 70-190 | contains_nuts
"""


@cache
def products() -> tuple[Product, ...]:
    """Everything on the shelf, by category."""
    found, category = [], ""
    for line in _SHELF.strip().splitlines():
        sku, *rest = (cell.strip() for cell in line.split("|"))
        if not rest:
            category = sku
            continue
        han, english, yuan, labels = rest
        low, high = (int(bound) * 100 for bound in yuan.split("-"))
        found.append(Product(sku, category, f"{han} {english}", tuple(labels.split()), low, high))
    return tuple(found)


def sold_at(unit_price: int, category: str) -> tuple[Product, ...]:
    """The products that may cost `unit_price` fen: those of `category`, or all if it has none.

    Never empty for 0 ≤ unit_price < 300,000.
    """
    return _sold_in(unit_price // _STEP * _STEP, category)


@cache
def _sold_in(step: int, category: str) -> tuple[Product, ...]:
    fitting = [product for product in products() if product.low <= step < product.high]
    assert fitting, step
    return tuple([product for product in fitting if product.category == category] or fitting)

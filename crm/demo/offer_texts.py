"""Coupons, rewards and templates of the demo shop, in the shapes of their endpoints."""

from typing import Any

COUPONS: dict[str, dict[str, Any]] = {
    "welcome": {
        "name": "20 元新茶券",
        "kind": "amount",
        "value": 2_000,
        "min_basis": 15_000,
        "validity": {"days": 60},
        "per_member_limit": 2,
    },
    "green": {
        "name": "绿茶九折",
        "kind": "percent",
        "value": 10,
        "max_discount": 8_000,
        "scope": {"skus": [], "categories": ["绿茶"]},
        "validity": {"days": 30},
        "stackable": True,
    },
    "delivery": {
        "name": "免运费券",
        "kind": "free_shipping",
        "max_discount": 2_000,
        "validity": {"days": 90},
        "stackable": True,
    },
    "double": {
        "name": "双倍积分券",
        "kind": "points_multiplier",
        "value": 2,
        "validity": {"days": 30},
        "stackable": True,
    },
    "tasting": {
        "name": "茶样赠品券",
        "kind": "gift",
        "value": 3_000,
        "gift": {"sku": "SAMPLE-3", "name": "三款茶样"},
        "validity": {"days": 60},
        "stock": 500,
        "budget": 1_500_000,
    },
}

REWARDS: tuple[dict[str, Any], ...] = (
    {
        "kind": "coupon",
        "name": {"en": "¥20 off", "zh-Hans": "20 元券", "zh-Hant": "20 元券"},
        "coupon_template": "welcome",
        "points": 400,
    },
    {
        "kind": "coupon",
        "name": {"en": "Free delivery", "zh-Hans": "免运费券", "zh-Hant": "免運券"},
        "coupon_template": "delivery",
        "points": 150,
        "per_member_limit": 5,
    },
    {
        "kind": "good",
        "name": {"en": "Travel tea set", "zh-Hans": "旅行茶具", "zh-Hant": "旅行茶具"},
        "description": {
            "en": "One pot, two cups, in a case. Collected at a store.",
            "zh-Hans": "一壶两杯，带收纳包，到店领取。",
            "zh-Hant": "一壺兩杯，附收納包，到店領取。",
        },
        "sku": "TRAVEL-SET",
        "points": 3_000,
        "stock": 40,
        "per_member_limit": 1,
    },
    {
        "kind": "gift",
        "name": {"en": "Three samples", "zh-Hans": "三款茶样", "zh-Hant": "三款茶樣"},
        "sku": "SAMPLE-3",
        "points": 200,
        "stock": 300,
    },
)

_MAIL = """<mjml><mj-body><mj-section><mj-column>
<mj-text font-size="20px">{title}</mj-text>
<mj-text>{line}</mj-text>
<mj-text font-size="22px">{{{{ coupon.code }}}}</mj-text>
<mj-button href="https://shop.example/tea">{button}</mj-button>
</mj-column></mj-section></mj-body></mjml>"""


def _mail(subject: str, title: str, line: str, button: str) -> dict[str, str]:
    return {"subject": subject, "html": _MAIL.format(title=title, line=line, button=button)}


TEMPLATES: tuple[dict[str, Any], ...] = (
    {
        "code": "offer.spring",
        "channel": "email",
        "purpose": "marketing",
        "languages": {
            "en": _mail(
                "New tea has come in, {{ member.name | default: 'dear guest' }}",
                "The new tea is here",
                "{{ coupon.name }}, until {{ coupon.expires_on }}. Show this code at the till:",
                "See the new teas",
            ),
            "zh-Hans": _mail(
                "{{ member.name | default: '亲爱的会员' }}，新茶到店了",
                "新茶到店",
                "送您一张{{ coupon.name }}，{{ coupon.expires_on }}前有效，结账时出示：",
                "看看新茶",
            ),
            "zh-Hant": _mail(
                "{{ member.name | default: '親愛的會員' }}，新茶到店了",
                "新茶到店",
                "送您一張{{ coupon.name }}，{{ coupon.expires_on }}前有效，結帳時出示：",
                "看看新茶",
            ),
        },
    },
    {
        "code": "coupon.reminder",
        "channel": "email",
        "purpose": "service",
        "languages": {
            "en": {
                "subject": "Your coupon {{ coupon.code }}",
                "text": "{{ coupon.name }}\n{{ coupon.code }}\nUntil {{ coupon.expires_on }}",
            },
            "zh-Hans": {
                "subject": "您的优惠券 {{ coupon.code }}",
                "text": "{{ coupon.name }}\n{{ coupon.code }}\n{{ coupon.expires_on }}前有效",
            },
            "zh-Hant": {
                "subject": "您的優惠券 {{ coupon.code }}",
                "text": "{{ coupon.name }}\n{{ coupon.code }}\n{{ coupon.expires_on }}前有效",
            },
        },
    },
    {
        "code": "sms.news",
        "channel": "sms",
        "purpose": "marketing",
        "languages": {
            "en": {"text": "{{ shop.name }}: new tea has come in. Bring code {{ coupon.code }}."},
            "zh-Hans": {"text": "【{{ shop.name }}】新茶到店，凭码 {{ coupon.code }} 立减。"},
            "zh-Hant": {"text": "【{{ shop.name }}】新茶到店，憑碼 {{ coupon.code }} 折抵。"},
        },
    },
)

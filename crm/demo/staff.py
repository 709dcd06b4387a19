"""The demo's staff: one account for each role. The loader gives them their passwords."""

from typing import NamedTuple


class Colleague(NamedTuple):
    """A staff account; `store` is the only store it sees, None for all of them."""

    email: str
    name: str
    role: str
    locale: str
    store: str | None = None


STAFF = (
    Colleague("clerk@regulars.example", "陈佳宁", "clerk", "zh-Hans", "jingan"),
    Colleague("manager@regulars.example", "林若兰", "manager", "zh-Hans"),
    Colleague("marketer@regulars.example", "Claire Roux", "marketer", "en"),
    Colleague("analyst@regulars.example", "陳怡君", "analyst", "zh-Hant"),
    Colleague("admin@regulars.example", "Avery Lin", "admin", "en"),
)

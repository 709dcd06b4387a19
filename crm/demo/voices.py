"""What the demo shop's members said: a year of answers to surveys, and the cases that bad ones and
complaints opened, most of them closed since.

Written once, in one transaction, through the rules of the program, each at its own instant.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Row, text

from crm import installation
from crm.campaigns.surveys import answering, opening
from crm.campaigns.surveys.answering import Answer
from crm.campaigns.surveys.opening import Opening
from crm.cases import opening as cases
from crm.cases import working
from crm.cases.opening import Complaint
from crm.db import db, transaction
from crm.demo.draws import Draws
from crm.http.principal import Principal

MARK = "demo.voices"
BY = Principal("system", None, "system", frozenset({"cases:manage"}))
ASKED_AFTER, ANSWERED_WITHIN = timedelta(days=7), timedelta(days=5)
LONG_AGO = timedelta(days=12)  # what was delivered since, the journey itself asks about
MONTH, MONTHS, A_MONTH = timedelta(days=30), 12, 30
RECENT = timedelta(days=3)
# How often each rating is given, as a table of draws.
RATINGS = (5,) * 9 + (4,) * 6 + (3,) * 3 + (2, 1)
WORDS = {
    5: ("茶很香，包装也好。", "Fresh, and fast.", "店员讲解得很仔细。", "", ""),
    4: ("不错，就是慢了一天。", "Good tea, small tin.", "", ""),
    3: ("一般般。", "Not as fresh as last time.", ""),
    2: ("茶罐凹了。", "Two days late.", "份量比以前少。"),
    1: ("收到时袋子破了，茶叶受潮。", "The cup was broken, and nobody answered.", "发错了货。"),
}
COMPLAINTS = (
    ("product", "杯子有裂纹", "三只里有一只裂了，希望换一只。"),
    ("delivery", "快递送错地址", "客人等了四天。"),
    ("points", "积分没有到账", "客人说上周的订单没有积分。"),
)
DELIVERED = text("""
    SELECT id, member_id, delivered_at FROM orders
    WHERE delivered_at >= :since AND delivered_at < :until AND member_id IS NOT NULL
      AND refunded = 0 AND status <> 'cancelled'
    ORDER BY md5(CAST(id AS text)) LIMIT :most
""")


def add(now: datetime) -> bool:
    """Add them; False when they were there."""
    known = installation.read(MARK)
    db.session.rollback()
    if known:
        return False
    draws = Draws(5)
    with transaction():
        for month in range(MONTHS, 0, -1):
            _month(draws, now - month * MONTH - LONG_AGO, now)
        _complaints(draws, now)
        installation.write(MARK, True)
    return True


def _month(draws: Draws, since: datetime, now: datetime) -> None:
    """Some orders that were delivered in a month: asked about a week later, a half answered."""
    values = {"since": since, "until": since + MONTH, "most": A_MONTH}
    for order in db.session.execute(DELIVERED, values).all():
        asked_at = order.delivered_at + ASKED_AFTER
        survey = _ask(order, asked_at)
        answered_at = asked_at + draws.between(0.01, 1) * ANSWERED_WITHIN
        if draws.chance(0.5) and answered_at < now:
            rating = draws.one_of(RATINGS)
            said = Answer(rating, draws.one_of(WORDS[rating]) or None, "zh-Hans")
            answered = answering.answer(survey, said, now=answered_at)
            if answered.survey.case_id is not None:
                _close(answered.survey.case_id, answered_at + timedelta(days=1), now)


def _ask(order: Row, at: datetime) -> UUID:
    occasion = f"aftersale:after_sale:{order.id}"
    row = Opening(order.member_id, occasion, order_id=order.id, journey="after_sale", points=0)
    return opening.open_many([row], at)[occasion]


def _close(case_id: UUID, at: datetime, now: datetime) -> None:
    """Close a case, unless it is a recent one."""
    if at < now - RECENT:
        change = {"state": "closed", "reason": "compensated", "comment": "已致歉并补送一份茶样。"}
        working.change(case_id, change, by=BY, now=at)


def _complaints(draws: Draws, now: datetime) -> None:
    """Three of the last days: one of them is overdue."""
    values = {"since": now - MONTH, "until": now - RECENT, "most": A_MONTH}
    orders = db.session.execute(DELIVERED, values).all()
    if not orders:
        return
    for number, (kind, subject, said) in enumerate(COMPLAINTS):
        order = draws.one_of(orders)
        told = Complaint(kind, subject, "staff", text=said, order_id=order.id)
        cases.open_case(order.member_id, told, now=now - timedelta(hours=1 + 25 * number))

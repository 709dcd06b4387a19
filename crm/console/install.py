"""Adds the console to the application."""

from flask import Flask

from crm.console import (
    account,
    adjusting,
    approvals_page,
    background,
    coupon_check,
    coupon_codes,
    coupon_editor,
    coupon_giving,
    coupons_page,
    developers,
    door,
    entry_page,
    files,
    finding,
    home,
    journeys_page,
    ladder_page,
    ledger_export,
    liability_page,
    member_ledger,
    member_page,
    member_rewards,
    merging_page,
    messages_page,
    order_page,
    pages,
    password_page,
    programme_page,
    referrals_page,
    reversing,
    rewards_page,
    rule_editor,
    rules_page,
    segments_page,
    settings_page,
    template_preview,
    templates_page,
    trust,
)
from crm.console.blueprint import blp

PAGES = (
    account,
    adjusting,
    approvals_page,
    background,
    coupon_check,
    coupon_codes,
    coupon_editor,
    coupon_giving,
    coupons_page,
    developers,
    entry_page,
    files,
    finding,
    home,
    journeys_page,
    ladder_page,
    ledger_export,
    liability_page,
    member_ledger,
    member_page,
    member_rewards,
    merging_page,
    messages_page,
    order_page,
    password_page,
    programme_page,
    referrals_page,
    reversing,
    rewards_page,
    rule_editor,
    rules_page,
    segments_page,
    settings_page,
    template_preview,
    templates_page,
    trust,
)


def install(app: Flask) -> None:
    """The pages at /console, and the address / that leads to them."""
    door.prepare(app)
    pages.prepare(app)
    app.register_blueprint(blp)
    app.add_url_rule("/", "front", home.front)

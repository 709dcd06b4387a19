"""The rooms that the application opens: their blueprints, jobs and installers, in one list."""

from collections.abc import Callable, Sequence
from types import ModuleType

from flask import Flask

from crm import console, housekeeping
from crm.activities import api as activities
from crm.activities import jobs as activity_jobs
from crm.activities import members_api as joining
from crm.activities import referral_api as referrals
from crm.auth import api as auth
from crm.auth import approvals_api as approvals
from crm.auth import door
from crm.auth import jobs as auth_jobs
from crm.campaigns import api as campaigns
from crm.campaigns import choices as campaign_choices
from crm.campaigns import jobs as campaign_jobs
from crm.campaigns import uses as campaign_uses
from crm.campaigns.journeys import api as journeys
from crm.campaigns.journeys import jobs as journey_jobs
from crm.campaigns.results import api as campaign_results
from crm.campaigns.results import jobs as campaign_result_jobs
from crm.campaigns.surveys import api as surveys
from crm.campaigns.surveys import page as survey_page
from crm.cases import api as cases
from crm.cases import jobs as case_jobs
from crm.coupons import api as coupons
from crm.coupons import jobs as coupon_jobs
from crm.coupons import templates_api as coupon_templates
from crm.coupons.benefits import api as ladder
from crm.coupons.benefits import jobs as benefit_jobs
from crm.db import Base
from crm.http import Blueprint, operations
from crm.members import api as members
from crm.members import jobs as members_jobs
from crm.members import stores_api as stores
from crm.members.tiers import api as tiers
from crm.messages import api as messages
from crm.messages import callbacks_api as callbacks
from crm.messages import facts, links_page, unsubscribe
from crm.messages import inbox_api as inbox
from crm.messages import jobs as message_jobs
from crm.messages import templates_api as templates
from crm.messages.templates import usage as template_usage
from crm.orders import api as orders
from crm.orders import claim_api as claims
from crm.orders import jobs as order_jobs
from crm.orders import quote_api as quotes
from crm.overview import api as overview
from crm.overview import merge_api as merges
from crm.overview import tier_api as member_tier
from crm.points import adjustments_api as adjustments
from crm.points import api as points
from crm.points import awards, short_ways
from crm.points import holds_api as points_holds
from crm.points import jobs as points_jobs
from crm.points import liability_api as points_liability
from crm.points import message_facts as points_facts
from crm.points import moving_api as points_moving
from crm.points import programme_api as points_programme
from crm.points.rewards import api as rewards
from crm.segments import api as segments
from crm.segments import jobs as segments_jobs
from crm.segments.audiences import api as audiences
from crm.segments.audiences import registry as filter_fields
from crm.segments.audiences import vocabulary as filter_vocabulary
from crm.segments.baskets import api as baskets
from crm.segments.baskets import jobs as basket_jobs
from crm.segments.next_purchase import api as next_purchase
from crm.segments.next_purchase import jobs as next_purchase_jobs

# Importing a room's `jobs` declares its jobs.
JOB_MODULES: Sequence[ModuleType] = (
    housekeeping,
    auth_jobs,
    members_jobs,
    message_jobs,
    coupon_jobs,
    benefit_jobs,
    points_jobs,
    order_jobs,
    case_jobs,
    activity_jobs,
    segments_jobs,
    next_purchase_jobs,
    basket_jobs,
    journey_jobs,
    campaign_jobs,
    campaign_result_jobs,
)

# What rooms know of a member that messages can say, by the first part of the field's name.
facts.provide("points", points_facts.of_members)

# What filters of audiences can name.
filter_fields.provide(*filter_vocabulary.FIELDS)
filter_fields.choose("campaign.", campaign_choices.launched)

# What stands in the way of archiving a template of messages.
template_usage.ask(campaign_uses.of_template)

METADATA = Base.metadata  # complete once the rooms are imported, that is, here

BLUEPRINTS: Sequence[Blueprint] = (
    auth.blp,
    approvals.blp,
    members.blp,
    joining.blp,
    stores.blp,
    tiers.blp,
    ladder.blp,
    member_tier.blp,
    overview.blp,
    merges.blp,
    coupon_templates.blp,
    coupons.blp,
    messages.blp,
    templates.blp,
    inbox.blp,
    callbacks.blp,
    points_programme.blp,
    points.blp,
    points_liability.blp,
    activities.blp,
    referrals.blp,
    adjustments.blp,
    points_holds.blp,
    points_moving.blp,
    rewards.blp,
    orders.blp,
    claims.blp,
    quotes.blp,
    cases.blp,
    segments.blp,
    next_purchase.blp,
    baskets.blp,
    journeys.blp,
    audiences.blp,
    campaigns.blp,
    campaign_results.blp,
    surveys.blp,
)

INSTALLERS: Sequence[Callable[[Flask], None]] = (
    operations.install,
    door.install,
    awards.install,
    console.install,
    unsubscribe.install,
    links_page.install,
    survey_page.install,
    short_ways.install,
)

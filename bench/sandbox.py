"""A year in the sandbox, in one move: a small shop with all journeys on."""

import random
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
from sqlalchemy import text

from bench import seeding, site, verifying
from bench.birthday import ZONES
from crm.app import create_app
from crm.campaigns.journeys import switching
from crm.campaigns.journeys.directory import JOURNEYS
from crm.config import Config
from crm.db import db, transaction
from crm.sandbox.advance import advance

SECONDS_TARGET = 60.0
DAY = timedelta(days=1)
LINE = {"line_no": 1, "sku": "T1", "name": "Tea", "category": "tea", "quantity": 1,
        "unit_price": 25_000}  # fmt: skip


def run(members: int, days: int, folder: Path | None) -> bool:
    """So many members, an order of the last two months for each, and nobody does anything more."""
    with site.open_site(folder) as here:
        app = create_app(Config.read({**here.environment, "CRM_SANDBOX": "1"}))
        now = datetime.now(UTC).replace(microsecond=0)
        with app.app_context():
            key = site.new_key(app, "members:write", "orders:write")
        client = app.test_client()
        headers = {"Authorization": f"Bearer {key}"}

        def told(path: str, body: Any) -> Any:
            answer = client.post(
                f"/api/v1{path}", json=body, headers=headers | {"Idempotency-Key": uuid4().hex}
            )
            assert answer.status_code < 300, answer.data
            return answer.get_json()

        dice = random.Random(members)
        ids = [told("/members", _member(number, dice))["id"] for number in range(members)]
        told("/orders/batch", [_order(number, one, now, dice) for number, one in enumerate(ids)])
        seeding.settle(here.database_url)
        with app.app_context():
            with transaction():
                for code in JOURNEYS:
                    switching.change(code, {"enabled": True}, now=now)
            began, cpu = time.perf_counter(), time.process_time()
            ran = Counter(advance(now + days * DAY))
            taken, cpu = time.perf_counter() - began, time.process_time() - cpu
            given = db.session.scalar(
                text("SELECT count(*) FROM journey_occasion WHERE state = 'given'")
            )
            db.session.remove()
        site.close(app)
        click.echo(f"{members:,} members, {days} days: {given:,} occasions, {ran.total():,} slots")
        click.echo(f"{taken:.1f} s, of which {cpu:.1f} s of CPU outside PostgreSQL")
        click.echo(", ".join(f"{name} {count}" for name, count in ran.most_common()))
        return verifying.promise("seconds", taken, SECONDS_TARGET, at_most=True)


def _member(number: int, dice: random.Random) -> dict[str, Any]:
    born = date(2024, 1, 1) + dice.randrange(366) * DAY
    agrees = {"channel": "email", "purpose": "marketing", "granted": dice.random() < 0.6}
    return {
        "email": f"m{number}@example.test", "timezone": dice.choice(ZONES), "locale": "en",
        "birthday": {"month": born.month, "day": born.day, "calendar": "solar"},
        "consents": [agrees | {"wording": "1", "source": "web"}],
    }  # fmt: skip


def _order(number: int, member: str, now: datetime, dice: random.Random) -> dict[str, Any]:
    paid = (now - dice.randrange(60 * 24) * timedelta(hours=1)).isoformat()
    return {
        "channel": "web", "order_no": str(number), "status": "delivered",
        "member": {"id": member}, "currency": "CNY", "lines": [LINE],
        "placed_at": paid, "paid_at": paid, "delivered_at": paid, "updated_at": paid,
    }  # fmt: skip

"""After every load: is the ledger sound, and is everything there that was answered?"""

import click
import psycopg
from flask import Flask

from bench import site
from crm.points import check


def sound(app: Flask, database_url: str, at_least: dict[str, int]) -> bool:
    """Whether every invariant holds, and there are at least so many entries of each kind."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT kind, count(*) FROM points_entry GROUP BY kind")
        found = dict(rows.fetchall())
    with app.app_context():
        check.take_time()
        breaches = check.run()
    site.close(app)
    missing = {kind: count - found.get(kind, 0) for kind, count in at_least.items()}
    lost = {kind: count for kind, count in missing.items() if count > 0}
    for breach in breaches[:5]:
        click.echo(f"  {breach}")
    click.echo(
        f"ledger: {sum(found.values()):,} entries; {len(breaches)} breaches; "
        f"{sum(lost.values())} answered and not there"
    )
    return not breaches and not lost


def promise(name: str, reached: float, target: float, *, at_most: bool = False) -> bool:
    """Print a figure beside what is promised; whether it is kept."""
    kept = reached <= target if at_most else reached >= target
    sign = "≤" if at_most else "≥"
    click.echo(f"{name}: {reached:.2f} (promised: {sign} {target:g}){'' if kept else '  MISSED'}")
    return kept

"""The tables of the test database as migrations left them."""

from sqlalchemy import text

from crm.db import db

SEEDED = {
    "points_programme": "version > 1",
    "points_rule": "version > 1 OR id <> '00000000-0000-7000-8000-000000000001'",
    "points_rulebook": "false",
    "tier_ladder": "version > 1",
}


def empty_all_tables() -> None:
    """Empty what tests wrote; of the tables in SEEDED what migrations wrote stays."""
    names = db.session.scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    ).all()
    wanted = [name for name in names if name not in {*SEEDED, "alembic_version"}]
    db.session.execute(text("SET session_replication_role = replica"))
    db.session.execute(text(f"TRUNCATE {', '.join(wanted)}"))
    for name, later in SEEDED.items():
        db.session.execute(text(f"DELETE FROM {name} WHERE {later}"))
    db.session.execute(text("UPDATE points_rule SET superseded_at = NULL"))
    db.session.execute(text("UPDATE points_rulebook SET stamp = uuidv7()"))
    db.session.execute(text("SET session_replication_role = DEFAULT"))
    db.session.commit()

"""`db upgrade`: counts the starts in the database."""

import os
import sys

import psycopg


def main(words):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS start (id int GENERATED ALWAYS AS IDENTITY)")
        connection.execute("INSERT INTO start DEFAULT VALUES")
        starts = connection.execute("SELECT count(*) FROM start").fetchone()[0]
        sys.stdout.write(f"starts so far: {starts}\n")
    if os.environ.get("BREAK") == words:
        sys.exit(3)

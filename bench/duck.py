"""The yardstick of segments: DuckDB groups the raw orders by member. Runs in a venv of its own.

python duck.py load DATABASE CSV: takes the orders in. python duck.py DATABASE: prints the seconds
of one pass.
"""

import sys
import time

import duckdb

GROUP = """
    CREATE OR REPLACE TEMP TABLE rfm AS
    SELECT member_id, max(day) AS last_day, min(day) AS first_day,
           count(DISTINCT day) AS frequency, sum(net) AS monetary
    FROM orders GROUP BY member_id
"""
LOAD = """
    CREATE TABLE orders AS
    SELECT * FROM read_csv(?, header = false,
        columns = {'member_id': 'UUID', 'day': 'DATE', 'net': 'BIGINT'})
"""

if sys.argv[1] == "load":
    duckdb.connect(sys.argv[2]).execute(LOAD, [sys.argv[3]])
else:
    connection = duckdb.connect(sys.argv[1])
    connection.execute("SELECT count(net) FROM orders").fetchall()
    began = time.perf_counter()
    connection.execute(GROUP)
    print(time.perf_counter() - began)

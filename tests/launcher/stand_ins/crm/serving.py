"""Waits for SIGTERM, then notes what is still there in `ends`."""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from urllib.parse import unquote

HOME = Path(os.environ["CRM_HOME"])


def main(words):
    signal.signal(signal.SIGTERM, lambda *_: end(words))
    (HOME / f"{words} serves").touch()
    while True:
        time.sleep(60)


def end(words):
    database = unquote(os.environ["DATABASE_URL"].partition("host=")[2].partition("&")[0])
    with open(HOME / "ends", "a") as ends:
        ends.write(
            f"{words}: web {there(('127.0.0.1', int(os.environ['PORT'])))},"
            f" valkey {there(unquote(os.environ['REDIS_URL'].removeprefix('unix://')))},"
            f" postgres {there(database + '/.s.PGSQL.5432')}\n"
        )
    sys.exit()


def there(address):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as connection:
        return "gone" if connection.connect_ex(address) else "there"

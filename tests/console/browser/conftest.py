"""A real browser on a real server over a database of its own, with a small shop in it."""

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import forecasts
import psycopg
import pytest
from api_client import Api
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from shop import Served, furnish, refer, with_audiences, with_campaign
from visitor import PASSWORD
from werkzeug.serving import make_server

from crm import clock, migrations
from crm.app import create_app
from crm.auth import keys, staff
from crm.config import Config
from crm.console import door
from crm.db import db, transaction
from crm.http.permissions import PERMISSIONS, ROLES
from crm.http.principal import SYSTEM

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(autouse=True)
def on_its_own(no_database: None) -> None:
    """What these tests write is committed, because the server's threads must see it."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium fonts-noto-cjk")
    # Chromium's sandbox does not start as root, and needs namespaces that containers withhold.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shop_app(settings: Config) -> Iterator[Flask]:
    """The application over a database where what is written stays."""
    name = f"browser_{uuid4().hex[:12]}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    address = re.sub(r"/[^/?]*\?", f"/{name}?", settings.database_url)
    own = replace(settings, database_url=address, pool_size=8)
    migrations.upgrade(own.sqlalchemy_url)
    app = create_app(own)
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def served(browser: Browser, shop_app: Flask) -> Iterator[Served]:
    """A shop that is open."""
    with shop_app.app_context():
        api = _key(shop_app)
        shop = with_audiences(api, with_campaign(furnish(api)))
        refer(api)
        forecasts.learn(clock.now())
        _hire()
        db.session.remove()
    server = make_server("127.0.0.1", 0, shop_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Served(f"http://127.0.0.1:{server.server_port}", shop)
    server.shutdown()
    thread.join()


def _key(app: Flask) -> Api:
    with transaction():
        _, secret = keys.create("tests", list(PERMISSIONS), by=SYSTEM, now=clock.now())
    return Api(app.test_client(), secret)


def _hire() -> None:
    """One member of staff for each role, who all go by the same password."""
    for role in ROLES:
        body = {"email": f"{role}@shop.example", "name": "Chen Rui", "role": role}
        with transaction():
            staff.create(body | {"password": PASSWORD}, by=SYSTEM, now=clock.now())


@pytest.fixture(scope="session")
def cookies(browser: Browser, served: Served) -> dict[str, list]:
    """The cookies of a signed-in browser, by role: each signs in through the page, once."""
    found = {}
    for role in ROLES:
        context = browser.new_context(base_url=served.address)
        page = context.new_page()
        page.goto("/console/sign-in")
        page.fill("#email", f"{role}@shop.example")
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.wait_for_selector("[data-menu] summary")
        found[role] = context.cookies()
        context.close()
    return found


@pytest.fixture
def opened(
    browser: Browser, served: Served, cookies: dict[str, list]
) -> Iterator[Callable[..., Page]]:
    """Opens fresh browser profiles; anything one complains about fails the test.

    `opened("clerk", locale="zh-Hans", color_scheme="dark", viewport={…})`; no role: a stranger.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(role: str | None = "admin", locale: str = "en", **more: object) -> Page:
        options = {"viewport": {"width": 1440, "height": 900}} | more
        context = browser.new_context(base_url=served.address, locale=locale, **options)
        contexts.append(context)
        if role:
            language = {"name": door.LANGUAGE, "value": locale, "domain": "127.0.0.1"}
            context.add_cookies([*cookies[role], language | {"path": "/console"}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: _note(said, complaints))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


def _note(said: ConsoleMessage, complaints: list[str]) -> None:
    # Chromium reports a page that says no (404, 422) as it does a file that could not be loaded.
    is_the_page_itself = said.page is not None and said.location["url"] == said.page.url
    if said.type in ("error", "warning") and not is_the_page_itself:
        complaints.append(said.text)

"""Settings: one frozen value, read from the environment once, checked at start, documented."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from crm.outgoing import Allowance, BadAllowance

PRICE = re.compile(r"\d{1,6}(\.\d{1,4})?", re.ASCII)
WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,86}={0,2}", re.ASCII)


class BadSetting(Exception):
    """A setting is missing or out of range; the message names it and says what it takes."""


def _setting(env: str, default: Any, text: str, *, low: int | None = None, high: int | None = None):
    meta = {"env": env, "help": text, "low": low, "high": high}
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class Config:
    """All settings of a process. `Config.read(os.environ)` is the only way programs make one."""

    database_url: str = _setting(
        "DATABASE_URL", "", "PostgreSQL 18 or newer, as postgresql://user:password@host/name"
    )
    redis_url: str = _setting(
        "REDIS_URL", "redis://127.0.0.1:6379/0", "Redis or Valkey; it only wakes workers"
    )
    secret_key: str = _setting(
        "CRM_SECRET_KEY", "", "signs console cookies and links; at least 32 characters"
    )
    home: Path = _setting("CRM_HOME", Path("var"), "folder for state and the demo's credentials")
    base_url: str = _setting(
        "CRM_BASE_URL", "http://127.0.0.1:8000", "the address that people and programs reach"
    )
    sandbox: bool = _setting(
        "CRM_SANDBOX", False, "1 serves the sandbox (test clock, test keys); never in production"
    )
    shop_name: str = _setting("CRM_SHOP_NAME", "Regulars", "the shop's name, as messages say it")
    locale: str = _setting(
        "CRM_LOCALE", "en", "language of members who named none: en, zh-Hans or zh-Hant"
    )
    phone_region: str = _setting(
        "CRM_PHONE_REGION", "CN", "region (ISO 3166) of phone numbers written without +"
    )
    pool_size: int = _setting(
        "CRM_POOL_SIZE", 10, "database connections of one process", low=2, high=200
    )
    max_body_bytes: int = _setting(
        "CRM_MAX_BODY_BYTES", 8_000_000, "largest request body", low=10_000, high=100_000_000
    )
    session_hours: int = _setting(
        "CRM_SESSION_HOURS", 12, "a console session ends after this time", low=1, high=720
    )
    demo_data: Path = _setting(
        "CRM_DEMO_DATA", Path("var/demo"), "folder of the wheel that holds the demo history"
    )
    smtp_host: str = _setting(
        "CRM_SMTP_HOST",
        "",
        "the mail server; without one the sandbox keeps mails, a shop fails them",
    )
    smtp_port: int = _setting("CRM_SMTP_PORT", 587, "the mail server's port", low=1, high=65_535)
    smtp_tls: str = _setting(
        "CRM_SMTP_TLS", "starttls", "starttls, tls (from the first byte, port 465) or none"
    )
    smtp_ca_file: str = _setting(
        "CRM_SMTP_CA_FILE",
        "",
        "a file of certificates (PEM) to trust beside the system's, for a mail server of your own",
    )
    smtp_user: str = _setting(
        "CRM_SMTP_USER", "", "name to sign in with; without one, none is sent"
    )
    smtp_password: str = _setting("CRM_SMTP_PASSWORD", "", "password to sign in with")
    smtp_from: str = _setting(
        "CRM_SMTP_FROM", "", "sender of mails, as Name <address>; required with CRM_SMTP_HOST"
    )
    smtp_connections: int = _setting(
        "CRM_SMTP_CONNECTIONS", 20, "connections of one worker to the mail server", low=1, high=200
    )
    smtp_timeout_seconds: int = _setting(
        "CRM_SMTP_TIMEOUT_SECONDS", 60, "how long to wait for the mail server", low=1, high=600
    )
    message_lease_seconds: int = _setting(
        "CRM_MESSAGE_LEASE_SECONDS",
        300,
        "what a worker that died was sending is decided by others after this time",
        low=2,
        high=3600,
    )
    track_links: bool = _setting(
        "CRM_TRACK_LINKS",
        True,
        "0: links of marketing mails lead straight to what they name, and nothing is counted",
    )
    sms_provider: str = _setting(
        "CRM_SMS_PROVIDER", "", "gateway of text messages: aliyun, tencent or twilio"
    )
    sms_key_id: str = _setting(
        "CRM_SMS_KEY_ID", "", "the gateway's AccessKeyId, SecretId or account SID"
    )
    sms_secret: str = _setting(
        "CRM_SMS_SECRET", "", "the secret of that key, or Twilio's auth token"
    )
    sms_sender: str = _setting(
        "CRM_SMS_SENDER",
        "",
        "the approved signature, or the number or messaging service that texts come from",
    )
    sms_app: str = _setting("CRM_SMS_APP", "", "Tencent's SdkAppId")
    sms_region: str = _setting("CRM_SMS_REGION", "", "Tencent's region")
    sms_endpoint: str = _setting(
        "CRM_SMS_ENDPOINT", "", "another address of the gateway than its usual one"
    )
    sms_price: str = _setting(
        "CRM_SMS_PRICE", "0", "price of one part of a text message, in minor units, such as 4.5"
    )
    push_url: str = _setting(
        "CRM_PUSH_URL",
        "",
        "where messages of the webhook channel (WeChat, WeCom, app push) are posted to",
    )
    push_secret: str = _setting(
        "CRM_PUSH_SECRET", "", "signs those posts (Standard Webhooks, whsec_…)"
    )
    callback_secret: str = _setting(
        "CRM_CALLBACK_SECRET",
        "",
        "signs what gateways tell us (Standard Webhooks, whsec_…); else made of CRM_SECRET_KEY",
    )
    outgoing_allow: str = _setting(
        "CRM_OUTGOING_ALLOW",
        "",
        "addresses that may be called though not public: 10.1.0.0/16, 127.0.0.1:9000, name:8443",
    )
    log_level: str = _setting("CRM_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR")

    def __post_init__(self) -> None:
        for item in fields(self):
            value, meta = getattr(self, item.name), item.metadata
            if meta["low"] is not None and not meta["low"] <= value <= meta["high"]:
                raise BadSetting(f"{meta['env']} must be {meta['low']} to {meta['high']}")
        if not self.database_url.startswith(("postgresql://", "postgresql+psycopg://")):
            raise BadSetting("DATABASE_URL must be a postgresql:// address")
        if len(self.secret_key) < 32:
            raise BadSetting("CRM_SECRET_KEY must have at least 32 characters")
        self._check_channels()
        if self.locale not in ("en", "zh-Hans", "zh-Hant"):
            raise BadSetting("CRM_LOCALE must be en, zh-Hans or zh-Hant")
        if self.smtp_tls not in ("starttls", "tls", "none"):
            raise BadSetting("CRM_SMTP_TLS must be starttls, tls or none")
        if self.smtp_host and not _is_sender(self.smtp_from):
            raise BadSetting("CRM_SMTP_FROM must be an address, as Shop <shop@example.com>")
        if self.smtp_ca_file and not _is_certificates(self.smtp_ca_file):
            raise BadSetting("CRM_SMTP_CA_FILE must name a file of certificates in PEM")
        if self.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise BadSetting("CRM_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR")

    def _check_channels(self) -> None:
        if self.sms_provider not in ("", "aliyun", "tencent", "twilio"):
            raise BadSetting("CRM_SMS_PROVIDER must be aliyun, tencent or twilio")
        if self.sms_provider and not (self.sms_key_id and self.sms_secret and self.sms_sender):
            raise BadSetting(
                "CRM_SMS_KEY_ID, CRM_SMS_SECRET and CRM_SMS_SENDER belong to a gateway"
            )
        if not PRICE.fullmatch(self.sms_price):
            raise BadSetting("CRM_SMS_PRICE must be a number such as 4.5")
        for env, secret in (
            ("CRM_PUSH_SECRET", self.push_secret),
            ("CRM_CALLBACK_SECRET", self.callback_secret),
        ):
            if secret and not WEBHOOK_SECRET.fullmatch(secret):
                raise BadSetting(f"{env} must be whsec_ and 24 to 64 bytes in base64")
        try:
            Allowance.read(self.outgoing_allow)
        except BadAllowance as bad:
            raise BadSetting(f"CRM_OUTGOING_ALLOW can't be read at {bad}") from None
        if bool(self.push_url) != bool(self.push_secret):
            raise BadSetting("CRM_PUSH_URL and CRM_PUSH_SECRET belong together")

    @property
    def sqlalchemy_url(self) -> str:
        """The database address with the driver named."""
        return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Config":
        """Settings from the environment; raises `BadSetting` naming the one that is wrong."""
        given = {}
        for item in fields(cls):
            text = environ.get(item.metadata["env"])
            if text not in (None, ""):
                given[item.name] = _parse(item.metadata["env"], text, item.default)
        return cls(**given)


def _is_sender(text: str) -> bool:
    """Whether mails can come from it: an address in ASCII, with a name or without."""
    _, address = parseaddr(text)
    plain = address.isascii() and address.isprintable() and not set(address) & set("<> ")
    return plain and text.isprintable() and 0 < address.find("@") < len(address) - 1


def _is_certificates(path: str) -> bool:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError):
        return False
    return True


def _parse(env: str, text: str, default: object) -> object:
    if isinstance(default, bool):
        if text.lower() not in ("0", "1", "true", "false", "yes", "no"):
            raise BadSetting(f"{env} must be 0 or 1")
        return text.lower() in ("1", "true", "yes")
    if isinstance(default, int):
        if not text.isdigit():
            raise BadSetting(f"{env} must be a whole number")
        return int(text)
    return Path(text) if isinstance(default, Path) else text

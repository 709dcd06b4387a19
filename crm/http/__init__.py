"""The door for programs: strict JSON in, problem+json out, permissions, idempotency, pages."""

from crm.http.blueprint import Blueprint
from crm.http.idempotency import idempotent
from crm.http.permissions import needs
from crm.http.principal import Principal, principal
from crm.http.schema import Schema

__all__ = ["Blueprint", "Principal", "Schema", "idempotent", "needs", "principal"]

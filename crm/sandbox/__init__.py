"""The sandbox: a test clock for integrators; only where `CRM_SANDBOX` is on."""

from crm.sandbox.api import blp

__all__ = ["blp"]

"""The console: pages for staff and marketers, at /console. Owns no data; asks the rooms below."""

from crm.console.install import install

__all__ = ["install"]

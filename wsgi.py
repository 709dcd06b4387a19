"""The WSGI entry: `granian --interface wsgi wsgi:app`."""

from crm.app import create_app

app = create_app()

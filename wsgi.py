"""The WSGI entry: `granian --interface wsgi wsgi:app`."""

from crm.app import create_app
from crm.members.names import readings

readings.dictionary()
app = create_app()

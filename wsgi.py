"""The provider for any WSGI server: `granian --interface wsgi wsgi:app`, or gunicorn with threads."""

from idp.app import create_app
from idp.core import logs
from idp.core.settings_sources import load

logs.prepare()
app = create_app(load())

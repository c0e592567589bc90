"""The member space as a WSGI application, configured by environment variables."""

import os

from examples.member_space.app import create_app
from examples.member_space.settings import Settings

app = create_app(Settings.from_environment(os.environ))

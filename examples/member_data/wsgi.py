"""The service as a WSGI application, configured by environment variables."""

import os

from examples.member_data.app import create_app

app = create_app(
    os.environ["MEMBER_DATA_ISSUER"],
    os.environ["MEMBER_DATA_AUDIENCE"],
    os.environ["MEMBER_DATA_DATABASE"],
)

"""The thin member-data service: an API that verifies access tokens and serves each member their own rows."""

"""The member space: an OIDC client with three doors, whose tokens never leave the server."""

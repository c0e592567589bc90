"""Administration: what the service is set to and how it stands, for bearer tokens of this same provider."""

"""OpenID Connect: what relying parties see of the provider."""

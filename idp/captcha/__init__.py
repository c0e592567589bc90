"""« Vérification de sécurité »: a picture to copy, or a proof of work."""

"""« Mon compte »: what a signed-in member sees and ends."""

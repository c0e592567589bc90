"""The floor of the house: clock, settings, database, secrets, outbox, audit, throttles, errors."""

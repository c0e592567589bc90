"""Logs: one JSON object a line, on standard error, without secrets."""

import logging
import sys
import traceback
from pathlib import Path

import structlog

# These log whole tokens or statements at DEBUG.
QUIET = ("authlib", "joserfc", "sqlalchemy.engine", "flask-limiter", "httpx")


def prepare(*, level: int = logging.INFO) -> None:
    """Set logging up for a process of ours."""
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(levelname)s %(name)s %(message)s", force=True
    )
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def accident(problem: Exception) -> dict[str, str]:
    """An accident for the log: its class and its place. Its text, or a trace, may hold an address or a code."""
    place = traceback.extract_tb(problem.__traceback__)[-1]
    return {"problem": type(problem).__name__, "at": f"{Path(place.filename).name}:{place.lineno}"}

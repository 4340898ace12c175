"""The one place that outlives an error nobody foresaw: one session of one source."""

import logging
from collections.abc import Awaitable

from futures_pipeline.domain.errors import PipelineError

log = logging.getLogger(__name__)


async def survives(
    work: Awaitable[None], subject: str, expected: tuple[type[Exception], ...] = (PipelineError,)
) -> bool:
    """Await ``work``; return False if it failed by an error in this program, which is logged.

    Errors that are ``expected`` are the caller's.
    """
    try:
        await work
    except expected:
        raise
    except Exception:
        log.exception("%s_failed see=docs/runbook.md#session-failed", subject)
        return False
    return True

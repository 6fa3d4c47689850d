"""Keeping the audit chain's anchors up to date while a process works, and when it stops."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from store import anchors
from store.engine import Store
from store.errors import StoreUnavailable

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0


@asynccontextmanager
async def anchoring(store: Store, path: Path) -> AsyncIterator[None]:
    """Append an anchor whenever one is due, and a last one at the end.

    A file that cannot be written is said in the log once per episode; work goes on without it.
    """
    keeping = asyncio.create_task(_keep(store, path))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        try:
            anchors.write_last(store, path, datetime.now(UTC))
        except StoreUnavailable as trouble:
            log.warning("no last anchor: %s", trouble)


async def _keep(store: Store, path: Path) -> None:
    is_told = False
    while True:
        try:
            await asyncio.to_thread(anchors.write_due, store, path, datetime.now(UTC))
            is_told = False
        except StoreUnavailable as trouble:
            if not is_told:
                log.warning("the audit trail is not anchored: %s", trouble)
            is_told = True
        await asyncio.sleep(LOOK_SECONDS)

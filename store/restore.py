"""Putting a backup back: checked, brought up to date and settled before it takes its place.

What was to be delivered may have been, after the backup was made: it is kept in doubt, and
automatic delivery is on hold, so that nothing is sent again blindly. The old database is kept.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from sqlalchemy import func, update
from sqlmodel import Session, col

from store import audit, holds
from store.backup import Unsound, anchor_of, create, examine, stamp, sync
from store.engine import open_store, sqlite_module
from store.errors import BadInput, NotKept
from store.keys import Keyring
from store.schema import OutboxEntry, Run
from store.transitions import OutboxStatus, RunStatus

LOCK_WAIT_MS = 2_000


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore put back, and where the database that was there before lies now."""

    head: tuple[int, str]  # of the audit chain in the backup
    kept: Path | None
    in_doubt: int  # deliveries that may have happened since the backup
    requeued: int  # runs that were at work in it


def restore(source: Path, database: Path, keys: Keyring, *, now: datetime) -> Restored:
    """Put a backup in place of the database; nobody else may have either open.

    The copy is checked, brought up to date and settled before it takes the database's name, in one
    rename. Raises BadInput for a file that is no sound backup or an unfit place, NotKept if it
    cannot be written; then nothing was changed.
    """
    _require_backup(source)
    part = database.with_name(f"{database.name}.restoring")
    kept = _unused(database.with_name(f"{database.name}.before-{stamp(now)}"))
    try:
        _remove(part)
        create(part)
        shutil.copyfile(source, part)
        head = examine(part, keys, must_reach=_anchored(source))
        in_doubt, requeued = _settle_file(part, keys, source.name, head, now)
        sync(part)
        is_kept = database.exists()
        if is_kept:
            _swap(part, database, kept)
        else:
            part.replace(database)
        sync(database.parent)
    except Unsound as error:
        raise BadInput(f"`{source}` {error}. Nothing was changed.") from error
    except (OSError, sqlite_module().Error) as error:
        raise NotKept(
            f"`{source}` was not restored ({error}); the database is as it was. A restore needs"
            f" about {source.stat().st_size / 1e6:.1f} MB free in `{database.parent}`."
        ) from error
    finally:
        _remove(part)
    return Restored(head, kept if is_kept else None, in_doubt, requeued)


def settle(session: Session, name: str, head: tuple[int, str], *, now: datetime) -> tuple[int, int]:
    """Make a restored store safe to work on; return how many deliveries and runs were touched.

    What was to be delivered may have been, after the backup: it waits in doubt, and the executor
    asks before it sends. Automatic delivery stops until a person lets it go on.
    """
    entries = session.connection().execute(
        update(OutboxEntry)
        .where(col(OutboxEntry.status).in_([OutboxStatus.PENDING, OutboxStatus.SENDING]))
        .values(
            status=OutboxStatus.PENDING,
            in_doubt=True,
            first_attempt_at=func.coalesce(
                col(OutboxEntry.first_attempt_at), col(OutboxEntry.created_at)
            ),
            lease_owner=None,
            lease_until=None,
        )
    )
    runs = session.connection().execute(
        update(Run)
        .where(col(Run.status) == RunStatus.RUNNING)
        .values(
            status=RunStatus.QUEUED,
            lease_owner=None,
            lease_until=None,
            lease_epoch=col(Run.lease_epoch) + 1,
        )
    )
    holds.set_hold(
        session,
        person=None,
        kind=None,
        is_held=True,
        note=f"Restored from the backup {name}: check what was delivered since",
        now=now,
    )
    audit.append(
        session,
        actor="greenlight",
        tag="backup:restored",
        subject=f"backup:{name}",
        at=now,
        body={
            "seq": head[0],
            "hash": head[1],
            "in_doubt": entries.rowcount,
            "requeued": runs.rowcount,
        },
    )
    return entries.rowcount, runs.rowcount


def _require_backup(source: Path) -> None:
    if not source.is_file():
        raise BadInput(f"`{source}` is not a file. Nothing was changed.")
    beside = source.with_name(f"{source.name}-wal")
    if beside.exists() and beside.stat().st_size:
        raise BadInput(
            f"`{beside.name}` lies beside `{source.name}`: that is a database in use or a copy of"
            " one, not a backup. Make one with `greenlight backup`. Nothing was changed."
        )


def _anchored(source: Path) -> tuple[int, str] | None:
    """Return how far the backup's chain must reach, if the file beside it says so."""
    try:
        said = json.loads(anchor_of(source).read_text("utf-8"))
        return (int(said["seq"]), str(said["hash"])) if said["seq"] else None
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"`{anchor_of(source)}` cannot be read. Repair it, or remove it to restore without"
            " knowing whether the end of the audit trail was cut off. Nothing was changed."
        ) from error


def _settle_file(
    file: Path, keys: Keyring, name: str, head: tuple[int, str], now: datetime
) -> tuple[int, int]:
    """Bring the copy up to date and settle it, leaving one file and nothing beside it."""
    store = open_store(f"sqlite:///{file}", keys)
    try:
        counted = store.transact(settle, name, head, now=now)
    finally:
        store.close()
    with _alone_with(file):
        pass
    return counted


def _swap(part: Path, database: Path, kept: Path) -> None:
    """Give the new file the database's name; the old one keeps its content under another."""
    try:
        with _alone_with(database):  # so that nobody writes to the old file meanwhile
            os.link(database, kept)
            part.replace(database)
    except sqlite_module().DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            raise BadInput(
                f"Another process has `{database}` open (a dashboard, a worker, a command). Stop"
                " it, then restore again. Nothing was changed."
            ) from error
        for suffix in ("-wal", "-shm"):  # a damaged file: its log must never meet the new one
            with suppress(FileNotFoundError):
                database.with_name(database.name + suffix).replace(f"{kept}{suffix}")
        os.link(database, kept)
        part.replace(database)


@contextmanager
def _alone_with(file: Path) -> Iterator[None]:
    """Fold the write-ahead log into the file and hold it locked; busy if anybody has it open."""
    raw: Any = sqlite_module().connect(file, isolation_level=None)
    try:
        raw.execute(f"PRAGMA busy_timeout={LOCK_WAIT_MS}")
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA journal_mode=DELETE").fetchall()
        raw.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        raw.close()


def _unused(path: Path) -> Path:
    """Return the path, numbered if something has that name already."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(one for one in chain([path], numbered) if not one.exists())


def _remove(part: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        part.with_name(part.name + suffix).unlink(missing_ok=True)

"""Backups of a SQLite store, made while it is at work.

A backup counts only once the copy has been read back: its pages, its audit chain, and that the
chain reaches what was there at the start. The keys are never in it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, create_engine, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool
from sqlmodel import Session, col

from store import audit
from store.engine import Store, sqlite_module
from store.errors import BadInput, NotKept
from store.keys import Keyring
from store.schema import AuditEntry

NEEDED_TABLES = {"alembic_version", "audit_entry"}


@dataclass(frozen=True, slots=True)
class Head:
    """Where the audit chain stood in a backup: `seq` 0 while it had no entry."""

    seq: int
    hash: str
    at: str
    version: str  # of Greenlight


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was read back and is on disk."""

    file: Path
    size_bytes: int
    head: Head

    @property
    def anchor_file(self) -> Path:
        return anchor_of(self.file)


def anchor_of(file: Path) -> Path:
    """Return the file beside a backup that says how far its audit chain reaches."""
    return file.with_name(f"{file.name}.anchor.json")


def make(store: Store, target: Path, *, version: str, now: datetime, is_forced: bool) -> Made:
    """Write a verified copy to `target`, or into it if it is a folder, while others work.

    Refuses (BadInput) to replace a file unless forced; raises NotKept if the copy is not sound.
    """
    source = _require_sqlite(store)
    if target.is_dir():
        target = target / f"greenlight-{stamp(now)}.db"
    _require_free(target, source, is_forced=is_forced)
    at_start = store.read(audit.head)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        create(part)
        store.copy_to(part)
        seq, digest = examine(part, store.keys, must_reach=at_start)
        sync(part)
        part.replace(target)
        head = Head(seq, digest, now.astimezone(UTC).isoformat(), version)
        _write_anchor(target, head)
        sync(target.parent)
    except Unsound as error:
        raise NotKept(
            f"No backup was kept: the copy of `{source}` {error}. See `greenlight doctor` and"
            " `greenlight audit verify`; to keep it as evidence, stop everything and copy the home."
        ) from error
    except (OSError, sqlite_module().Error) as error:
        raise NotKept(
            f"No backup was kept: `{target}` cannot be written ({error}). Free space there, or"
            " choose another place."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return Made(target, target.stat().st_size, head)


def note(session: Session, made: Made, *, now: datetime) -> None:
    """Record in the audit trail of the source that a backup was made."""
    audit.append(
        session,
        actor="greenlight",
        tag="backup:made",
        subject=f"backup:{made.file.name}",
        at=now,
        body={"seq": made.head.seq, "hash": made.head.hash, "bytes": made.size_bytes},
    )


class Unsound(Exception):
    """What is wrong with a file, as the rest of a sentence about it."""


def examine(file: Path, keys: Keyring, *, must_reach: tuple[int, str] | None) -> tuple[int, str]:
    """Read a whole file that nobody writes; return its audit chain's head, or raise Unsound."""
    try:
        with _looking_into(file, keys) as session:
            _require_whole(session)
            chain = audit.verify(session)
            if chain.first_bad_seq is not None:
                raise Unsound(_misfit(chain.first_bad_seq))
            if must_reach is not None and _hash_at(session, must_reach[0]) != must_reach[1]:
                raise Unsound(
                    f"does not hold audit entry {must_reach[0]} as it was: its end was cut off, or"
                    " it belongs to another store"
                )
            return chain.entries, chain.head
    except DatabaseError as error:
        raise Unsound(f"is damaged or no database ({error.orig})") from error


def _require_whole(session: Session) -> None:
    run = session.connection().exec_driver_sql
    word = run("PRAGMA quick_check").scalar()
    if word != "ok":
        raise Unsound(f"is damaged ({word})")
    tables = {row[0] for row in run("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= NEEDED_TABLES:
        raise Unsound("is a database, but not Greenlight's")


def _misfit(seq: int) -> str:
    if seq == 1:
        return (
            "holds an audit trail written under another key than `keys/audit.key` of this home:"
            " put the `keys` folder in place that was kept with the backup"
        )
    return f"holds an audit trail that was changed: entry {seq} is not what was written"


def _require_sqlite(store: Store) -> Path:
    if store.path is None:
        raise BadInput(
            "This store is not a SQLite file: back it up with its own server's tools (`pg_dump`)."
        )
    return store.path


def _require_free(target: Path, source: Path, *, is_forced: bool) -> None:
    if not target.parent.is_dir():
        raise BadInput(f"The folder `{target.parent}` does not exist; no backup was made.")
    if not target.exists():
        return
    if target.samefile(source):
        raise BadInput(f"`{target}` is the database itself; name another file.")
    if not is_forced:
        raise BadInput(
            f"`{target}` exists already and was left as it is. Name another file, a folder (the"
            " backup is then named by its time), or say --force."
        )


def _hash_at(session: Session, seq: int) -> str | None:
    found = select(col(AuditEntry.hash)).where(col(AuditEntry.seq) == seq)
    digest: str | None = session.connection().execute(found).scalar()
    return digest


@contextmanager
def _looking_into(file: Path, keys: Keyring) -> Iterator[Session]:
    """Open a file that nobody writes, so that nothing appears beside it."""
    only_reading = {"mode": "ro", "immutable": "1", "uri": "true"}
    url = URL.create("sqlite", database=f"file:{quote(str(file))}", query=only_reading)
    engine = create_engine(url, module=sqlite_module(), poolclass=NullPool)
    with Session(engine, info={"keys": keys}) as session:
        yield session


def _write_anchor(target: Path, head: Head) -> None:
    part = target.with_name(f".{target.name}.{os.getpid()}.anchor")
    try:
        create(part)
        part.write_text(json.dumps(asdict(head)) + "\n", "utf-8")
        sync(part)
        part.replace(anchor_of(target))
    finally:
        part.unlink(missing_ok=True)


def create(file: Path) -> None:
    """Make an empty file that only its owner may read; raise FileExistsError."""
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def sync(path: Path) -> None:
    """Force a file, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stamp(now: datetime) -> str:
    """Return the moment as a part of a file's name."""
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")

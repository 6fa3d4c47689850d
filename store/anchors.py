"""Anchors: where the audit chain stood, kept in an append-only file outside the database.

A chain whose tail was cut off is whole in itself; only a witness elsewhere can tell. Each line is
sealed with the audit key, so that a line somebody else wrote is named and believed by nobody.
"""

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from store import audit
from store.actions import canonical_json
from store.engine import Store
from store.errors import StoreUnavailable

EVERY_ENTRIES = 100
EVERY_SECONDS = 60.0
_PURPOSE = b"greenlight anchor\n"  # the audit key seals chain entries too
_TAIL_BYTES = 8_192  # where the newest anchor is looked for


@dataclass(frozen=True, slots=True)
class Anchor:
    """The chain reached `seq` with `hash` at that time.

    After a restore the chain may be shorter than anchors said: `is_restore` voids the older ones
    beyond it. That goes by time, not by place, so that a line repeated later voids nothing more.
    """

    seq: int
    hash: str
    at: datetime
    is_restore: bool = False


@dataclass(frozen=True, slots=True)
class Flaw:
    """A line of the file that is not an anchor; forged if it could be read but its seal is not."""

    line: int
    is_forged: bool

    @property
    def problem(self) -> str:
        """Say what is wrong with the line."""
        if self.is_forged:
            return f"Line {self.line} was not written with this store's key: forged, or another's."
        return f"Line {self.line} cannot be read: half-written or damaged."


@dataclass(frozen=True, slots=True)
class AnchorLog:
    """What the file says: the anchors that count, and the lines that are none."""

    anchors: tuple[Anchor, ...] = ()
    flaws: tuple[Flaw, ...] = ()


def write_due(store: Store, path: Path, now: datetime) -> Anchor | None:
    """Append an anchor if 100 entries or 60 s have passed since the last; None if nothing is due.

    Safe from several processes at once: one writes, the others find nothing due.
    """
    return _write(store, path, now, is_stopping=False)


def write_last(store: Store, path: Path, now: datetime) -> Anchor | None:
    """Append an anchor if the chain has grown at all: for a clean stop and for backups."""
    return _write(store, path, now, is_stopping=True)


def write_restored(
    store: Store, path: Path, now: datetime, *, head: tuple[int, str] | None = None
) -> Anchor | None:
    """Append that the store was restored to where its chain stands now; later anchors are void.

    `head` is where the chain stood in the backup, if entries were added since.
    """
    found, key = store.read(_head)
    seq, digest = head or found or (0, audit.GENESIS)
    with _told(path):
        if not _size(path):
            return None  # nothing that could contradict the restored chain
        known = [anchor.at for anchor in read(path, key).anchors]
        at = max([now, *(one + timedelta(microseconds=1) for one in known)])
        return _append(path, Anchor(seq, digest, at, is_restore=True), key)


def read(path: Path, key: bytes) -> AnchorLog:
    """Return every anchor of the file and every line that is none; a missing file has neither."""
    anchors: list[Anchor] = []
    flaws: list[Flaw] = []
    for number, line in _lines(path):
        try:
            found = _parse(line)
        except (ValueError, TypeError, KeyError):
            flaws.append(Flaw(number, is_forged=False))
            continue
        anchor, seal = found
        if not hmac.compare_digest(_seal(anchor, key), seal):
            flaws.append(Flaw(number, is_forged=True))
            continue
        anchors.append(anchor)
    restores = [one for one in anchors if one.is_restore]
    return AnchorLog(tuple(one for one in anchors if not _is_void(one, restores)), tuple(flaws))


def _is_void(anchor: Anchor, restores: Sequence[Anchor]) -> bool:
    return any(anchor.seq > one.seq and anchor.at < one.at for one in restores)


def verify(session: Session, path: Path) -> audit.ChainState:
    """Verify the whole audit chain against the anchors in the file."""
    return audit.verify(session, anchors=read(path, session.info["keys"].audit))


def _write(store: Store, path: Path, now: datetime, *, is_stopping: bool) -> Anchor | None:
    head, key = store.read(_head)
    with _told(path):
        if head is None or not _is_due(_newest(path, key), head[0], now, is_stopping=is_stopping):
            return None
        return _append(path, Anchor(*head, now), key, is_stopping=is_stopping)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            f"The anchor file `{path}` cannot be used ({error.strerror}). Until it can, a cut tail"
            " of the audit trail would go unseen. Free space, or set GREENLIGHT_ANCHORS."
        ) from error


def _head(session: Session) -> tuple[tuple[int, str] | None, bytes]:
    return audit.head(session), session.info["keys"].audit


def _is_due(newest: Anchor | None, seq: int, now: datetime, *, is_stopping: bool) -> bool:
    if newest is None:
        return True
    if seq == newest.seq:
        return False
    age = abs((now - newest.at).total_seconds())  # a clock set back is no reason to wait
    return is_stopping or abs(seq - newest.seq) >= EVERY_ENTRIES or age >= EVERY_SECONDS


def _append(path: Path, anchor: Anchor, key: bytes, *, is_stopping: bool = True) -> Anchor | None:
    """Write one line under a lock, if it is still due once the lock is held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        is_due = _is_due(_newest(path, key), anchor.seq, anchor.at, is_stopping=is_stopping)
        if not (is_due or anchor.is_restore):
            return None
        os.write(descriptor, _line(anchor, key, _ends_whole(descriptor)))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        _sync_folder(path.parent)
    return anchor


def _line(anchor: Anchor, key: bytes, follows_whole_line: bool) -> bytes:
    sealed = {**_fields(anchor), "seal": _seal(anchor, key)}
    return ("" if follows_whole_line else "\n").encode() + json.dumps(sealed).encode() + b"\n"


def _ends_whole(descriptor: int) -> bool:
    """Return whether the last line was finished: a crash may have left half of one."""
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _newest(path: Path, key: bytes) -> Anchor | None:
    """Return the last anchor that is really ours: a forged line may not keep us from writing."""
    if not _size(path):
        return None
    with path.open("rb") as file:
        file.seek(max(0, _size(path) - _TAIL_BYTES))
        lines = file.read().splitlines()
    for line in reversed(lines):
        try:
            anchor, seal = _parse(line)
        except (ValueError, TypeError, KeyError):
            continue
        if hmac.compare_digest(_seal(anchor, key), seal):
            return anchor
    return None


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with _told(path):
        if not _size(path):
            return
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line


def _parse(line: bytes) -> tuple[Anchor, str]:
    values = json.loads(line)
    at = datetime.fromisoformat(values["at"])
    anchor = Anchor(int(values["seq"]), str(values["hash"]), at, bool(values["restored"]))
    seal = values["seal"]
    if at.tzinfo is None or not isinstance(seal, str) or not seal.isascii():
        raise ValueError("not an anchor")
    return anchor, seal


def _fields(anchor: Anchor) -> dict[str, object]:
    return {
        "seq": anchor.seq,
        "hash": anchor.hash,
        "at": anchor.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "restored": anchor.is_restore,
    }


def _seal(anchor: Anchor, key: bytes) -> str:
    message = _PURPOSE + canonical_json(_fields(anchor)).encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()

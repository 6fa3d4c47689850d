"""Anchors: written when due, once, by whoever looks; believed only with the right seal."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier

import gated
import pytest

from store import anchors, audit
from store.anchors import Anchor, Flaw
from store.engine import Store
from store.errors import StoreUnavailable
from store.settings import Settings

Grow = Callable[[int], None]


@pytest.fixture
def path(settings: Settings) -> Path:
    return settings.anchor_file


@pytest.fixture
def grow(store: Store, now: datetime) -> Grow:
    def more(entries: int) -> None:
        for number in range(entries):
            store.transact(
                audit.append, actor="Ana", tag="t", subject="run:1", at=now, body={"n": number}
            )

    return more


def read(store: Store, path: Path) -> anchors.AnchorLog:
    return store.read(lambda session: anchors.read(path, session.info["keys"].audit))


def verify(store: Store, path: Path) -> audit.ChainState:
    return store.read(anchors.verify, path)


def test_an_empty_trail_has_nothing_to_anchor(store: Store, path: Path, now: datetime) -> None:
    assert anchors.write_due(store, path, now) is None
    assert anchors.write_last(store, path, now) is None
    assert not path.exists()


def test_one_is_due_after_a_minute_or_a_hundred_entries(
    store: Store, path: Path, grow: Grow, now: datetime
) -> None:
    def due(seconds: float) -> int | None:
        written = anchors.write_due(store, path, now + timedelta(seconds=seconds))
        return None if written is None else written.seq

    grow(1)
    assert due(0) == 1
    assert due(3600) is None  # nothing has happened since
    grow(99)
    assert due(59) is None
    grow(1)
    assert due(59) == 101
    grow(1)
    assert due(118) is None
    assert due(119) == 102
    grow(1)
    assert due(-3600) == 103  # the clock was set back
    assert [anchor.seq for anchor in read(store, path).anchors] == [1, 101, 102, 103]


def test_a_clean_stop_anchors_what_is_new(
    store: Store, path: Path, grow: Grow, now: datetime
) -> None:
    grow(2)
    anchors.write_last(store, path, now)
    assert anchors.write_last(store, path, now) is None
    grow(1)
    assert anchors.write_due(store, path, now) is None
    written = anchors.write_last(store, path, now)
    assert written is not None
    assert written.seq == 3
    assert verify(store, path).anchored == written


def test_a_line_is_json_that_others_can_read(
    store: Store, path: Path, grow: Grow, now: datetime
) -> None:
    grow(1)
    anchors.write_due(store, path, now)
    line = json.loads(path.read_text())
    assert (line["seq"], line["at"]) == (1, now.isoformat(timespec="microseconds"))
    assert line["hash"] == store.read(audit.verify).head
    assert path.stat().st_mode & 0o077 == 0


def test_several_processes_write_it_once(
    settings: Settings, store: Store, path: Path, grow: Grow, now: datetime
) -> None:
    grow(1)
    stores = [settings.open() for _ in range(8)]
    together = Barrier(len(stores))

    def sweep(mine: Store) -> Anchor | None:
        together.wait()
        return anchors.write_due(mine, path, now)

    with ThreadPoolExecutor(len(stores)) as pool:
        written = list(pool.map(sweep, stores))
    for one in stores:
        one.close()
    assert len([anchor for anchor in written if anchor]) == 1
    assert len(path.read_text().splitlines()) == 1


def test_a_half_written_line_is_reported_and_the_next_one_is_whole(
    store: Store, path: Path, grow: Grow, now: datetime
) -> None:
    grow(1)
    anchors.write_due(store, path, now)
    path.write_bytes(path.read_bytes() + b'{"seq": 2, "ha')
    grow(1)
    anchors.write_last(store, path, now)
    log = read(store, path)
    assert [anchor.seq for anchor in log.anchors] == [1, 2]
    assert log.flaws == (Flaw(2, is_forged=False),)
    found = verify(store, path)
    assert found.is_ok
    assert "Line 2 cannot be read" in found.flaws[0].problem


@pytest.mark.parametrize(
    "garbage", ["[]", "null", "7", '{"seq": 1}', '{"seq": "x"}', "\x00\xff", '{"at": 5}', '""']
)
def test_no_garbage_in_the_file_is_fatal(
    store: Store, path: Path, grow: Grow, now: datetime, garbage: str
) -> None:
    grow(1)
    path.write_text(f"{garbage}\n\n", encoding="latin-1")
    assert anchors.write_due(store, path, now) is not None
    log = read(store, path)
    assert [flaw.line for flaw in log.flaws] == [1]
    assert len(log.anchors) == 1


def test_a_forged_line_is_named_and_believed_by_nobody(
    store: Store, path: Path, grow: Grow, now: datetime
) -> None:
    grow(1)
    anchors.write_due(store, path, now)
    forged = {**json.loads(path.read_text()), "seq": 900, "hash": "a" * 64}
    path.write_text(path.read_text() + json.dumps(forged) + "\n")
    found = verify(store, path)
    assert not found.is_ok
    assert found.first_bad_seq is None
    assert found.flaws == (Flaw(2, is_forged=True),)
    grow(100)
    assert anchors.write_due(store, path, now) is not None  # nor does it keep us from writing


def test_another_key_seals_nothing(
    settings: Settings, store: Store, path: Path, grow: Grow, now: datetime
) -> None:
    grow(1)
    anchors.write_due(store, path, now)
    (settings.keys / "audit.key").write_bytes(b"k" * 32)
    with closing(settings.open()) as other:
        assert read(other, path).flaws == (Flaw(1, is_forged=True),)


def test_a_restore_voids_the_anchors_beyond_it(
    store: Store, settings: Settings, path: Path, grow: Grow, now: datetime, tmp_path: Path
) -> None:
    grow(3)
    anchors.write_last(store, path, now)
    database, kept = Path(store.url.removeprefix("sqlite:///")), tmp_path / "kept.db"
    store.close()  # the last connection leaves one whole file behind
    shutil.copy(database, kept)
    grow(4)
    anchors.write_last(store, path, now)
    store.close()
    shutil.copy(kept, database)
    with closing(settings.open()) as restored:
        assert verify(restored, path).first_bad_seq == 4
        assert anchors.write_restored(restored, path, now) is not None
        found = verify(restored, path)
        assert found.is_ok
        assert found.anchored is not None
        assert found.anchored.seq == 3


def test_a_line_repeated_later_voids_nothing_more(
    store: Store, settings: Settings, path: Path, grow: Grow, now: datetime
) -> None:
    """The file can be appended to; a genuine old line must not cover up a later cut."""
    grow(3)
    anchors.write_last(store, path, now)
    anchors.write_restored(store, path, now)
    restored = path.read_text().splitlines()[-1]
    grow(4)
    anchors.write_last(store, path, now + timedelta(hours=1))
    gated.tamper(settings, "DELETE FROM audit_entry WHERE seq > 3")
    path.write_text(path.read_text() + restored + "\n")
    assert verify(store, path).first_bad_seq == 4


def test_an_old_line_repeated_does_not_stop_new_ones(
    store: Store, settings: Settings, path: Path, grow: Grow, now: datetime
) -> None:
    grow(9)
    anchors.write_last(store, path, now)
    high = path.read_text()
    gated.tamper(settings, "DELETE FROM audit_entry WHERE seq > 3")
    anchors.write_restored(store, path, now)
    path.write_text(path.read_text() + high)
    grow(1)
    written = anchors.write_due(store, path, now + timedelta(minutes=2))
    assert written is not None
    assert written.seq == 4
    assert verify(store, path).anchored == written


def test_a_restore_without_anchors_needs_no_line(store: Store, path: Path, now: datetime) -> None:
    assert anchors.write_restored(store, path, now) is None
    assert not path.exists()


def test_the_file_may_lie_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store, grow: Grow, now: datetime
) -> None:
    monkeypatch.setenv("GREENLIGHT_ANCHORS", str(tmp_path / "far" / "away.log"))
    path = Settings().anchor_file
    grow(1)
    assert anchors.write_due(store, path, now) is not None
    assert path == tmp_path / "far" / "away.log"
    assert path.exists()


def test_a_file_that_cannot_be_written_is_said(
    store: Store, tmp_path: Path, grow: Grow, now: datetime
) -> None:
    grow(1)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="a cut tail of the audit trail would go unseen"):
        anchors.write_due(store, tmp_path / "file" / "anchors.log", now)

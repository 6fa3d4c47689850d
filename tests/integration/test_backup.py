"""Backups made under load and put back: everything acknowledged before is there, nothing else moves."""

import json
import shutil
from pathlib import Path

import gated
import pytest
from builders import NOW
from busy_writers import acknowledged, writing, written
from sqlalchemy import text

from store import audit, backup, holds
from store.backup import Made
from store.engine import Store, check_integrity, open_store
from store.errors import BadInput, NotKept
from store.restore import Restored, restore
from store.settings import Settings
from store.transitions import OutboxStatus, RunStatus

DRILLS = 20


def made(store: Store, target: Path) -> Made:
    return backup.make(store, target, version="1", now=NOW, is_forced=False)


def put_back(file: Path, settings: Settings) -> Restored:
    """Restore over the database of this home, with its keys."""
    keys = settings.open()
    keyring = keys.keys
    keys.close()
    return restore(file, settings.home / "greenlight.db", keyring, now=NOW)


def subjects(store: Store, tag: str) -> list[str]:
    query = text("SELECT subject FROM audit_entry WHERE tag = :tag ORDER BY seq")
    return store.read(
        lambda session: list(session.connection().execute(query, {"tag": tag}).scalars())
    )


def test_a_backup_under_eight_writers_restores_all_that_was_acknowledged(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    lost: list[set[str]] = []
    with writing(settings.home):
        for drill in range(DRILLS):
            before = acknowledged(settings.home)
            file = made(store, tmp_path / f"{drill}.db").file
            database = tmp_path / f"restored-{drill}.db"
            restore(file, database, store.keys, now=NOW)
            found = open_store(f"sqlite:///{database}", store.keys)
            lost.append(before - set(subjects(found, "test:written")))
            assert found.read(audit.verify).is_ok
            assert check_integrity(found) == "ok"
            found.close()
    assert len(acknowledged(settings.home)) > len(before), "they wrote all the while"
    assert lost == [set()] * DRILLS


def test_a_backup_is_one_private_file_with_its_anchor(store: Store, tmp_path: Path) -> None:
    gated.case(store)
    head = store.read(audit.head)
    result = made(store, tmp_path / "b.db")
    assert sorted(path.name for path in tmp_path.glob("b.db*")) == ["b.db", "b.db.anchor.json"]
    assert not list(tmp_path.glob(".b.db*"))
    assert result.file.stat().st_mode & 0o777 == 0o600
    said = json.loads(result.anchor_file.read_text())
    assert (said["seq"], said["hash"]) == head
    assert (said["version"], said["at"]) == ("1", NOW.isoformat())


def test_a_folder_is_given_a_file_named_by_the_time(store: Store, tmp_path: Path) -> None:
    assert made(store, tmp_path).file == tmp_path / "greenlight-20261120T120000Z.db"


def test_an_existing_file_is_replaced_only_when_forced(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "b.db"
    target.write_text("somebody's")
    with pytest.raises(BadInput, match="exists already and was left"):
        made(store, target)
    assert target.read_text() == "somebody's"
    backup.make(store, target, version="1", now=NOW, is_forced=True)
    assert target.read_bytes().startswith(b"SQLite format 3")


def test_the_database_itself_is_never_the_target(store: Store, settings: Settings) -> None:
    with pytest.raises(BadInput, match="the database itself"):
        backup.make(store, settings.home / "greenlight.db", version="1", now=NOW, is_forced=True)


def test_a_changed_audit_trail_is_not_kept_as_a_backup(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    gated.case(store)
    gated.tamper(settings, "UPDATE audit_entry SET actor = 'somebody' WHERE seq = 2")
    with pytest.raises(NotKept, match="entry 2 is not what was written"):
        made(store, tmp_path / "b.db")
    assert not list(tmp_path.glob("*b.db*"))


def test_after_a_restore_nothing_is_sent_again_blindly(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    passed = gated.passed(store)
    working = store.transact(gated.claimed)
    file = made(store, tmp_path / "b.db").file
    store.close()
    result = put_back(file, settings)
    again = settings.open()
    entries = gated.entries(again, passed.run_id)
    assert result.in_doubt == len(entries) > 0
    assert all(entry.in_doubt and entry.status is OutboxStatus.PENDING for entry in entries)
    assert [entry.first_attempt_at for entry in entries] == [e.created_at for e in entries]
    (hold,) = again.read(holds.in_force)
    assert hold.kind is None
    assert "b.db" in hold.note
    assert result.requeued == 1
    run = gated.run(again, working.run_id)
    assert (run.status, run.lease_owner) == (RunStatus.QUEUED, None)
    assert run.lease_epoch > working.epoch, "whoever held it is fenced"
    assert subjects(again, "backup:restored") == ["backup:b.db"]
    assert again.read(audit.verify).is_ok
    again.close()


def test_a_delivery_under_way_keeps_the_time_of_its_first_attempt(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    passed = gated.passed(store)
    began = "2026-11-20 12:00:30.000000"
    gated.execute(
        store,
        "UPDATE outbox SET status = 'sending', attempt = 1, lease_owner = 'x',"
        " lease_until = :t, first_attempt_at = :t",
        t=began,
    )
    file = made(store, tmp_path / "b.db").file
    store.close()
    put_back(file, settings)
    again = settings.open()
    for entry in gated.entries(again, passed.run_id):
        assert (entry.status, entry.lease_owner) == (OutboxStatus.PENDING, None)
        assert entry.first_attempt_at is not None
        assert entry.first_attempt_at.isoformat() == "2026-11-20T12:00:30+00:00"
    again.close()


def test_the_database_that_was_there_is_kept_whole(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    file = made(store, tmp_path / "b.db").file
    store.transact(written, "after-the-backup")
    store.close()
    kept = put_back(file, settings).kept
    assert kept == settings.home / "greenlight.db.before-20261120T120000Z"
    left = sorted(path.name for path in settings.home.glob("greenlight.db*"))
    assert left == ["greenlight.db", kept.name]
    old = open_store(f"sqlite:///{kept}", store.keys)
    assert subjects(old, "test:written") == ["after-the-backup"]
    old.close()
    again = settings.open()
    assert subjects(again, "test:written") == []
    again.close()


def test_a_restore_is_refused_while_another_process_has_the_database_open(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    file = made(store, tmp_path / "b.db").file
    with pytest.raises(BadInput, match="Another process has"):
        put_back(file, settings)
    store.transact(written, "goes on")
    assert subjects(store, "backup:restored") == []
    assert not list(settings.home.glob("*before*")) + list(settings.home.glob("*restoring*"))


def test_a_damaged_database_is_replaced(store: Store, settings: Settings, tmp_path: Path) -> None:
    store.transact(written, "before-the-backup")
    file = made(store, tmp_path / "b.db").file
    store.close()
    database = settings.home / "greenlight.db"
    database.write_bytes(b"not a database any more " * 1000)
    kept = restore(file, database, store.keys, now=NOW).kept
    assert kept is not None
    assert kept.read_bytes().startswith(b"not a database")
    again = settings.open()
    assert subjects(again, "test:written") == ["before-the-backup"]
    again.close()


def test_a_log_that_cannot_be_folded_never_meets_the_restored_file(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    file = made(store, tmp_path / "b.db").file
    store.transact(written, "after-the-backup")
    crashed = tmp_path / "crashed.db"
    for suffix in ("", "-wal"):
        shutil.copy(settings.home / f"greenlight.db{suffix}", f"{crashed}{suffix}")
    log = crashed.with_name("crashed.db-wal").read_bytes()
    crashed.with_name("crashed.db-shm").mkdir()  # so SQLite cannot read its log
    kept = restore(file, crashed, store.keys, now=NOW).kept
    assert kept is not None
    assert kept.with_name(f"{kept.name}-wal").read_bytes() == log
    again = open_store(f"sqlite:///{crashed}", store.keys)
    assert subjects(again, "test:written") == []
    again.close()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"holiday notes " * 500, "no database"),
        (b"", "not Greenlight's"),
    ],
)
def test_a_file_that_is_no_backup_is_refused(
    store: Store, settings: Settings, tmp_path: Path, content: bytes, why: str
) -> None:
    store.close()
    (tmp_path / "b.db").write_bytes(content)
    with pytest.raises(BadInput, match=why):
        put_back(tmp_path / "b.db", settings)
    assert sorted(path.name for path in settings.home.glob("greenlight.db*")) == ["greenlight.db"]


def test_a_damaged_backup_is_refused(store: Store, settings: Settings, tmp_path: Path) -> None:
    for number in range(200):
        store.transact(written, f"T-{number}")
    file = made(store, tmp_path / "b.db").file
    store.close()
    whole = bytearray(file.read_bytes())
    for start in range(8192, len(whole), 16384):
        whole[start : start + 4096] = bytes(4096)
    file.write_bytes(whole)
    with pytest.raises(BadInput, match="Nothing was changed"):
        put_back(file, settings)


def test_a_backup_of_a_home_with_other_keys_is_refused_with_what_to_do(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    gated.case(store)
    file = made(store, tmp_path / "b.db").file
    elsewhere = Settings(home=tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=r"another key.*put the `keys` folder"):
        put_back(file, elsewhere)


def test_a_backup_that_was_changed_is_refused_naming_the_entry(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    gated.case(store)
    file = made(store, tmp_path / "b.db").file
    store.close()
    forged = Settings(home=tmp_path / "x", database_url=f"sqlite:///{file}")
    gated.tamper(forged, "UPDATE audit_entry SET body = '{}' WHERE seq = 3")
    with pytest.raises(BadInput, match="entry 3 is not what was written"):
        put_back(file, settings)


def test_a_backup_whose_end_was_cut_off_is_refused(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    gated.case(store)
    file = made(store, tmp_path / "b.db").file
    store.close()
    forged = Settings(home=tmp_path / "x", database_url=f"sqlite:///{file}")
    gated.tamper(forged, "DELETE FROM audit_entry WHERE seq = (SELECT max(seq) FROM audit_entry)")
    with pytest.raises(BadInput, match="its end was cut off"):
        put_back(file, settings)


def test_a_copied_database_with_its_log_is_no_backup(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    store.transact(written, "one")
    for name in ("greenlight.db", "greenlight.db-wal"):
        shutil.copy(settings.home / name, tmp_path / name)
    store.close()
    with pytest.raises(BadInput, match="not a backup"):
        put_back(tmp_path / "greenlight.db", settings)

"""`greenlight backup` and `restore` as a person uses them."""

import json
import shutil
from pathlib import Path

import gated
import pytest
from builders import NOW
from busy_writers import written
from cli_runner import document, greenlight
from disk import limited
from sqlalchemy import text

from agents.preflight import only_family
from store import anchors, audit, workers
from store.engine import Store
from store.errors import ReadOnly
from store.settings import Settings


def entries(store: Store, tag: str) -> list[dict[str, object]]:
    query = text("SELECT body FROM audit_entry WHERE tag = :tag ORDER BY seq")
    bodies = store.read(
        lambda session: list(session.connection().execute(query, {"tag": tag}).scalars())
    )
    return [json.loads(body) for body in bodies]


def use_up(store: Store) -> None:
    """Write until the disk is full."""
    try:
        while True:
            store.transact(audit.append, actor="t", tag="t", subject="t", at=NOW, body={})
    except ReadOnly:
        return


def test_a_backup_says_what_it_is_and_what_is_not_in_it(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    gated.case(store)
    head = store.read(audit.head)
    assert head is not None
    said = document("backup", tmp_path / "b.db")
    assert said["ok"] is True
    assert said["file"] == str(tmp_path / "b.db")
    assert said["bytes"] == (tmp_path / "b.db").stat().st_size
    assert said["entries"] == head[0]
    assert (said["anchor"]["seq"], said["anchor"]["hash"]) == head
    assert Path(said["anchor_file"]).exists()
    assert said["keys_included"] is False
    assert said["seconds"] >= 0
    plain = greenlight("backup", tmp_path / "c.db").stdout
    assert "Not in it: the keys" in plain
    assert str(settings.keys) in plain
    assert head[1] not in (tmp_path / "c.db").name


def test_a_backup_is_recorded_and_anchored_in_its_source(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    said = document("backup", tmp_path / "b.db")
    (fact,) = entries(store, "backup:made")
    assert fact["bytes"] == said["bytes"]
    head = store.read(audit.head)
    assert head is not None
    log = anchors.read(settings.anchor_file, store.keys.audit)
    assert log.anchors[-1].seq == head[0]


def test_a_backup_on_another_disk_is_good_though_the_store_is_full(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    with limited() as disk:
        disk.fill()
        use_up(store)
        store.close()
        result = greenlight("backup", tmp_path / "b.db", "--json")
    assert json.loads(result.stdout)["noted"] is False
    assert (tmp_path / "b.db").exists()


def test_a_home_without_a_store_is_not_given_one_by_a_backup(
    settings: Settings, tmp_path: Path
) -> None:
    assert "nothing to back up" in greenlight("backup", tmp_path / "b.db", code=1).stderr
    assert not settings.home.exists()


def test_an_existing_backup_is_kept_unless_forced(store: Store, tmp_path: Path) -> None:
    greenlight("backup", tmp_path / "b.db")
    assert "--force" in greenlight("backup", tmp_path / "b.db", code=1).stderr
    greenlight("backup", tmp_path / "b.db", "--force")


def test_a_restore_brings_back_what_was_and_says_what_to_do_next(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    passed = gated.passed(store)
    greenlight("backup", tmp_path / "b.db")
    store.transact(written, "after-the-backup")
    store.close()
    said = document("restore", tmp_path / "b.db")
    assert said["in_doubt"] == len(gated.entries(store, passed.run_id)) > 0
    assert said["is_held"] is True
    assert "greenlight hold off" in said["next"]
    assert Path(said["kept"]).exists()
    assert entries(store, "test:written") == []
    state = store.read(anchors.verify, settings.anchor_file)
    assert state.is_ok, "anchors beyond the backup are void"


def test_a_restore_can_be_taken_back_from_the_kept_database(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    greenlight("backup", tmp_path / "b.db")
    store.transact(written, "after-the-backup")
    store.close()
    kept = document("restore", tmp_path / "b.db")["kept"]
    greenlight("restore", kept)
    assert len(entries(store, "test:written")) == 1


def test_a_restore_into_a_new_home_needs_only_the_keys(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    store.transact(written, "one")
    greenlight("backup", tmp_path / "b.db")
    home = tmp_path / "new"
    refused = greenlight("restore", tmp_path / "b.db", "--home", home, code=1)
    assert "Put the `keys` folder there" in refused.stderr
    assert not home.exists()
    shutil.copytree(settings.keys, home / "keys")
    said = document("restore", tmp_path / "b.db", "--home", home)
    assert said["kept"] is None
    again = Settings(home=home).open()
    assert len(entries(again, "test:written")) == 1
    again.close()


def test_a_restore_is_refused_while_a_worker_lives(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    greenlight("backup", tmp_path / "b.db")
    store.transact(workers.start, worker="w-1", kind="worker", host="here", pid=1, now=NOW)
    refused = greenlight("restore", tmp_path / "b.db", code=1).stderr
    assert "Still at work here: worker 1" in refused
    assert "nothing was changed" in refused
    store.transact(workers.stop, "w-1")
    store.close()
    greenlight("restore", tmp_path / "b.db")


def test_a_restore_is_refused_while_a_family_runs(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    greenlight("backup", tmp_path / "b.db")
    store.close()
    with only_family(settings.home):
        assert "already running" in greenlight("restore", tmp_path / "b.db", code=1).stderr


def test_a_restore_is_refused_while_a_dashboard_has_the_database_open(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    greenlight("backup", tmp_path / "b.db")
    refused = greenlight("restore", tmp_path / "b.db", code=1).stderr
    assert "Another process has" in refused
    store.transact(written, "goes on")


def test_a_restore_over_a_damaged_database_is_what_it_is_for(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    store.transact(written, "one")
    greenlight("backup", tmp_path / "b.db")
    store.close()
    (settings.home / "greenlight.db").write_bytes(b"no database at all " * 1000)
    result = greenlight("restore", tmp_path / "b.db")
    assert "cannot be read" in result.stderr
    assert len(entries(store, "test:written")) == 1


def test_a_store_that_is_no_file_is_left_to_its_own_tools(
    settings: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greenlight("backup", tmp_path / "b.db")
    monkeypatch.setenv("GREENLIGHT_DATABASE_URL", "postgresql+psycopg://localhost/greenlight")
    refused = greenlight("restore", tmp_path / "b.db", code=1).stderr
    assert "pg_restore" in refused
    assert "pg_dump" in greenlight("backup", tmp_path / "c.db", code=1).stderr


def test_a_reset_deletes_what_restores_have_kept(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    greenlight("backup", tmp_path / "b.db")
    store.close()
    greenlight("restore", tmp_path / "b.db")
    greenlight("reset", "--yes")
    assert not settings.home.exists()

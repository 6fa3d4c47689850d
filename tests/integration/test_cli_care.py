"""`greenlight doctor` and `reset`, and how the command line as a whole behaves."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import gated
import pytest
import varied
from cli_runner import document, greenlight

from agents.preflight import only_family
from store import anchors, invariants, workers
from store.engine import Store
from store.settings import Settings

pytestmark = pytest.mark.usefixtures("settings")


def start_worker(store: Store) -> None:
    now = datetime.now(UTC)  # heartbeats run on the database's clock
    store.transact(
        workers.start, worker="w-1", kind="worker", host="here", pid=os.getpid(), now=now
    )


def test_doctor_names_every_check(store: Store, tmp_path: Path) -> None:
    greenlight("init", tmp_path / "mine")
    found = document("doctor", "--company", tmp_path / "mine")
    assert found["ok"] is True
    assert all(set(check) == {"name", "ok", "detail"} for check in found["checks"])
    by_name = {check["name"]: check["detail"] for check in found["checks"]}
    assert set(by_name) >= {
        *("python", "home", "disk space", "sqlite", "company", "encoder", "store"),
        *("journal mode", "synchronous", "foreign keys", "clock", "model"),
        *("file system", "keys", "anchors", "audit trail"),
    }
    assert by_name["synchronous"] == "FULL"
    assert by_name["foreign keys"] == "on"
    assert by_name["company"].startswith("Example Shop")


def test_doctor_fails_when_one_check_does_and_still_does_the_others(tmp_path: Path) -> None:
    (tmp_path / "greenlight.toml").write_text("not toml at all [")
    found = document("doctor", "--company", tmp_path, "--home", tmp_path / "home", code=1)
    failed = [check["name"] for check in found["checks"] if not check["ok"]]
    assert failed == ["company"]
    assert "FAILED" in greenlight("doctor", "--company", tmp_path, code=1).stdout


def failed(*arguments: object) -> dict[str, str]:
    """Run `doctor` where it must fail; return what failed with what it says."""
    found = document("doctor", *arguments, code=1)
    assert found["ok"] is False
    return {check["name"]: check["detail"] for check in found["checks"] if not check["ok"]}


def test_doctor_wants_the_keys_for_their_owner_only(settings: Settings, store: Store) -> None:
    (settings.keys / "audit.key").chmod(0o640)
    assert "chmod 600" in failed()["keys"]


def test_doctor_finds_a_pair_of_keys_that_does_not_fit(settings: Settings, store: Store) -> None:
    (settings.keys / "decisions.pub").write_bytes(b"x" * 32)
    assert "does not belong to" in failed()["keys"]
    (settings.keys / "decisions.pub").unlink()
    assert "no decision is delivered" in failed()["keys"]


def test_doctor_says_where_the_audit_trail_was_changed(settings: Settings, store: Store) -> None:
    gated.passed(store)
    gated.tamper(settings, "UPDATE audit_entry SET actor = 'Eve' WHERE seq = 2")
    assert "Entry 2" in failed()["audit trail"]


def test_doctor_compares_the_trail_with_its_anchors(
    settings: Settings, store: Store, now: datetime
) -> None:
    gated.passed(store)
    anchors.write_last(store, settings.anchor_file, now)
    gated.tamper(settings, "DELETE FROM audit_entry WHERE seq = (SELECT max(seq) FROM audit_entry)")
    assert "is gone" in failed()["audit trail"]


def test_doctor_names_a_forged_anchor(settings: Settings, store: Store, now: datetime) -> None:
    gated.passed(store)
    anchors.write_last(store, settings.anchor_file, now)
    text = settings.anchor_file.read_text()
    settings.anchor_file.write_text(text.replace('"restored": false', '"restored": true'))
    assert "Line 1" in failed()["anchors"]


def test_doctor_looks_at_what_is_always_true_when_asked(
    settings: Settings, store: Store, now: datetime, tmp_path: Path
) -> None:
    greenlight("init", tmp_path / "mine")
    varied.fill(store, now)
    arguments = ("doctor", "--company", tmp_path / "mine")
    assert "violations" not in document(*arguments)
    found = document(*arguments, "--invariants")
    assert (found["ok"], found["violations"]) == (True, [])
    claims = {rule.claim for rule in invariants.RULES}
    assert claims <= {check["name"] for check in found["checks"]}
    gated.tamper(settings, "DELETE FROM receipt")
    broken = document(*arguments, "--invariants", code=1)
    assert {one["name"] for one in broken["violations"]} == {"receipts"}
    assert set(broken["violations"][0]) == {"name", "subject", "detail"}
    (check,) = (one for one in broken["checks"] if not one["ok"])
    assert check["name"] == "Each sent delivery has one receipt"
    assert f"and {len(broken['violations']) - 5} more" in check["detail"]
    assert "books" in check["detail"], "it says what to do"


def test_doctor_compares_our_receipts_with_the_books_of_the_demo_shop(
    settings: Settings, store: Store, now: datetime
) -> None:
    gated.passed(store)
    varied.send_all(store, now)
    books = failed("--invariants")["Books of `shop`"]
    assert "its books: 0 entries" in books
    assert "receipts are not in its books" in books


def test_doctor_survives_a_home_that_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    greenlight("init", tmp_path / "mine")
    arguments = ("doctor", "--company", tmp_path / "mine", "--home", tmp_path / "file" / "home")
    failed = [check["name"] for check in document(*arguments, code=1)["checks"] if not check["ok"]]
    assert {"home", "store"} <= set(failed)


def test_reset_wants_to_be_told_yes(settings: Settings, store: Store) -> None:
    greenlight("reset", code=2)
    assert (settings.home / "greenlight.db").exists()


def test_reset_deletes_the_state_and_the_folder(settings: Settings) -> None:
    settings.open().close()
    logs = settings.home / "logs"
    logs.mkdir()
    (logs / "worker-1.log").write_text("x")
    greenlight("reset", "--yes")
    assert not settings.home.exists()


def test_reset_keeps_what_is_not_ours(settings: Settings) -> None:
    settings.open().close()
    (settings.home / "notes.txt").write_text("mine")
    (settings.home / "logs").mkdir()
    (settings.home / "logs" / "access.csv").write_text("mine too")
    assert "logs, notes.txt" in greenlight("reset", "--yes").stdout
    left = sorted(path.name for path in settings.home.rglob("*") if path.is_file())
    assert left == ["access.csv", "notes.txt"]


def test_reset_refuses_a_folder_that_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "greenlight.db").write_text("somebody's")
    result = greenlight("reset", "--yes", "--home", tmp_path, code=1)
    assert "does not look like a Greenlight home" in result.stderr
    assert (tmp_path / "greenlight.db").exists()


def test_reset_refuses_while_a_worker_lives(settings: Settings, store: Store) -> None:
    start_worker(store)
    assert "Still at work here" in greenlight("reset", "--yes", code=1).stderr
    store.transact(workers.stop, "w-1")
    store.close()
    greenlight("reset", "--yes")


def test_reset_refuses_while_a_family_runs(settings: Settings, store: Store) -> None:
    with only_family(settings.home):
        assert "already running" in greenlight("reset", "--yes", code=1).stderr
    assert (settings.home / "greenlight.db").exists()


def test_a_setting_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENLIGHT_UNDO_SECONDS", "soon")
    result = greenlight("queue", code=1)
    assert "GREENLIGHT_UNDO_SECONDS='soon' cannot be used" in result.stderr


def test_wrong_usage_is_exit_2() -> None:
    greenlight("no-such-command", code=2)
    greenlight("queue", "--no-such-option", code=2)
    greenlight("queue", "--limit", 0, code=2)


def test_help_and_version_are_quick_and_import_nothing_heavy() -> None:
    heavy = "sqlmodel, sqlalchemy, numpy, mcp, langgraph, anthropic, pydantic, rich, sklearn"
    code = (
        "import sys; from agents.cli import main; sys.argv = ['greenlight', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"loaded = [n for n in '{heavy}'.split(', ') if n in sys.modules]\n"
        "sys.exit(f'heavy imports: {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    started = time.process_time()
    assert greenlight("--version").stdout.startswith("greenlight ")
    assert time.process_time() - started < 0.4

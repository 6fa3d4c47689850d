"""`greenlight audit verify` and `audit export`."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import gated
import pytest
from cli_runner import document, greenlight

from store import anchors, audit
from store.engine import Store
from store.settings import Settings

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def trail(store: Store, settings: Settings) -> Store:
    """Eight entries over four days, of two runs, anchored to the last."""
    for number in range(1, 9):
        store.transact(
            audit.append,
            actor="=cmd|' /C calc'!A0" if number == 8 else "Ana",
            tag="run:review:approve",
            subject=f"run:{17 + number % 2}",
            at=AT.replace(day=20 + number // 3),
            body={"note": f"entry {number}"},
        )
    anchors.write_last(store, settings.anchor_file, AT)
    return store


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_whole_trail_is_said_with_its_anchor(trail: Store) -> None:
    found = document("audit", "verify")
    assert set(found) == {
        *("ok", "entries", "head", "first_bad_seq", "problem", "anchored", "anchors")
    }
    assert (found["ok"], found["entries"], found["first_bad_seq"]) == (True, 8, None)
    assert found["anchored"] == {"seq": 8, "at": AT.isoformat()}
    assert (found["anchors"]["count"], found["anchors"]["flaws"]) == (1, [])
    said = greenlight("audit", "verify").stdout
    assert "The audit trail is whole: 8 entries" in said
    assert "anchors up to entry 8" in said


def test_the_first_bad_row_is_named_and_the_exit_code_is_1(
    trail: Store, settings: Settings
) -> None:
    gated.tamper(settings, "DELETE FROM audit_entry WHERE seq > 5")
    said = greenlight("audit", "verify", code=1).stdout
    assert "NOT whole. Entry 6 is gone: the anchor of 2026-11-20 12:00 UTC" in said
    assert "Entries 1 to 5 fit" in said
    found = document("audit", "verify", code=1)
    assert (found["ok"], found["first_bad_seq"], found["entries"]) == (False, 6, 5)


def test_without_an_anchor_it_says_what_could_go_unseen(
    trail: Store, settings: Settings, tmp_path: Path
) -> None:
    kept = settings.anchor_file.rename(tmp_path / "kept.log")
    assert "a cut tail would go unseen" in greenlight("audit", "verify").stdout
    gated.tamper(settings, "DELETE FROM audit_entry")
    assert document("audit", "verify")["ok"] is True
    assert document("audit", "verify", "--anchors", kept, code=1)["first_bad_seq"] == 1
    greenlight("audit", "verify", "--anchors", tmp_path / "nowhere.log", code=2)


def test_a_forged_anchor_fails_and_a_torn_one_is_only_told(
    trail: Store, settings: Settings
) -> None:
    with settings.anchor_file.open("a") as file:
        file.write('{"seq": 9,\n')
    assert document("audit", "verify")["anchors"]["flaws"] == [
        {
            "line": 2,
            "forged": False,
            "problem": "Line 2 cannot be read: half-written or damaged.",
        }
    ]
    forged = {**json.loads(settings.anchor_file.read_text().splitlines()[0]), "seq": 3}
    with settings.anchor_file.open("a") as file:
        file.write(json.dumps(forged) + "\n")
    found = document("audit", "verify", code=1)
    assert [flaw["forged"] for flaw in found["anchors"]["flaws"]] == [False, True]
    assert (
        "Line 3 was not written with this store's key"
        in greenlight("audit", "verify", code=1).stdout
    )


def test_the_trail_goes_out_as_csv_that_is_safe_to_open(trail: Store, tmp_path: Path) -> None:
    target = tmp_path / "audit.csv"
    result = greenlight("audit", "export", target)
    assert result.stdout == ""
    assert "8 entries written" in result.stderr
    exported = rows(target.read_text())
    assert [row["seq"] for row in exported] == [str(number) for number in range(1, 9)]
    assert exported[0]["happened"] == "approved a draft"
    assert exported[7]["actor"] == "'=cmd|' /C calc'!A0"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["audit.csv"]


def test_json_lines_hold_the_whole_chain_as_stored(trail: Store, tmp_path: Path) -> None:
    greenlight("audit", "export", tmp_path / "audit.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert lines[7]["actor"] == "=cmd|' /C calc'!A0"
    assert lines[0]["prev_hash"] == audit.GENESIS
    assert [line["prev_hash"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]
    assert greenlight("audit", "export", "-", "--format", "jsonl").stdout.count("\n") == 8


@pytest.mark.parametrize(
    ("narrowed", "left"),
    [
        (("--run", 18), [1, 3, 5, 7]),
        (("--since", "2026-11-21"), [3, 4, 5, 6, 7, 8]),
        (("--until", "2026-11-21"), [1, 2]),
        (("--since", "2026-11-21T12:00", "--until", "2026-11-22T12:00:00"), [3, 4, 5]),
        (("--run", 99), []),
    ],
)
def test_an_export_is_narrowed(trail: Store, narrowed: tuple[object, ...], left: list[int]) -> None:
    exported = rows(greenlight("audit", "export", "-", *narrowed).stdout)
    assert [int(row["seq"]) for row in exported] == left


def test_a_tampered_trail_can_still_be_exported(trail: Store, settings: Settings) -> None:
    gated.tamper(settings, "UPDATE audit_entry SET at = 'yesterday', body = x'00ff' WHERE seq = 3")
    exported = rows(greenlight("audit", "export", "-").stdout)
    assert len(exported) == 8
    assert exported[2]["at"] == ""


def test_a_place_that_cannot_be_written_leaves_nothing(trail: Store, tmp_path: Path) -> None:
    result = greenlight("audit", "export", tmp_path / "no" / "folder.csv", code=1)
    assert "cannot be written" in result.stderr
    assert greenlight("audit", "export", tmp_path, code=1).stderr
    assert not list(tmp_path.glob("*.part"))

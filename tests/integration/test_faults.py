"""The fault campaign, `make faults`, cut to a minute; and that it would see what it looks for."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench.faults.tally import Tally, compare
from builders import NOW

from store.schema import OutboxEntry, Run
from store.transitions import OutboxStatus, RunStatus

TESTS = Path(__file__).parents[1]
CUT = {"kills": 40, "forgotten": 0, "pauses": 4, "races": 100}


def test_nothing_comes_of_kills_pauses_races_and_a_service_that_fails_in_every_way(
    tmp_path: Path,
) -> None:
    home = tmp_path / "faults"
    sizes = [word for part, number in CUT.items() for word in (f"--{part}", str(number))]
    finished = subprocess.run(
        [sys.executable, "-m", "bench.faults", *sizes, "--seed", "11", "--home", home, "--json"],
        capture_output=True,
        text=True,
        env=os.environ
        | {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        timeout=600,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    kills, pauses, two, eight, undo = json.loads(finished.stdout)["parts"]
    assert (kills["tries"], pauses["tries"]) == (40, 4)
    assert (two["tries"], eight["tries"], undo["tries"]) == (100, 100, 100)
    assert kills["notes"]["runs taken over"] > 0
    assert kills["notes"]["calls repeated"] > 0
    assert any(note.startswith("service: ") for note in kills["notes"])
    assert min(undo["notes"]["undone"], undo["notes"]["too late"]) > 0  # it was a race


def entry(status: OutboxStatus, **values: Any) -> OutboxEntry:
    given = {
        "id": "key-1",
        "run_id": 1,
        "draft_id": 1,
        "decision_id": "d",
        "position": 0,
        "kind": "refund",
        "tool": "issue_refund",
        "body": '{"order_id": "PX-1"}',
        "amount_minor": 500,
        "status": status,
    }
    return OutboxEntry(**{**given, **values})


def letter(status: OutboxStatus) -> OutboxEntry:
    return entry(status, tool="send_letter", amount_minor=None)


def effect(number: int = 1, **values: Any) -> dict[str, Any]:
    given = {
        "id": number,
        "tool": "issue_refund",
        "idempotency_key": "key-1",
        "order_id": "PX-1",
        "undoes": None,
        "body": {"amount_minor": 500},
    }
    return given | values


def back(number: int = 2) -> dict[str, Any]:
    return effect(number, tool="reverse_refund", idempotency_key="key-2", undoes="effect:1")


SENT, CANCELLED, FAILED = OutboxStatus.SENT, OutboxStatus.CANCELLED, OutboxStatus.FAILED
POSTED = effect(tool="send_letter", idempotency_key=None, body={})
REVERSAL = entry(SENT, id="key-2", tool="reverse_refund", reverses="key-1")


@pytest.mark.parametrize(
    ("entries", "effects", "found"),
    [
        ([entry(SENT)], [effect()], set()),
        ([entry(SENT)], [], {"lost", "other"}),
        ([entry(SENT)], [effect(), effect(2, idempotency_key="else")], {"doubled"}),
        ([entry(SENT)], [effect(body={"amount_minor": 499})], {"other"}),
        ([entry(CANCELLED)], [], set()),
        ([entry(CANCELLED)], [effect()], {"doubled"}),
        ([entry(CANCELLED, decision_id="undone")], [effect()], {"undone_yet_sent"}),
        ([entry(FAILED), REVERSAL], [effect(), back()], set()),
        ([entry(FAILED)], [effect()], {"doubled"}),
        ([entry(OutboxStatus.UNKNOWN)], [], {"stuck"}),
        ([entry(OutboxStatus.PENDING)], [], {"stuck"}),
        ([letter(SENT)], [POSTED], set()),
        ([letter(SENT)], [], {"lost"}),
        ([letter(SENT)], [POSTED, POSTED], {"doubled"}),
        ([letter(CANCELLED)], [POSTED], {"doubled"}),
    ],
)
def test_what_the_books_do_not_bear_out_is_found(
    entries: list[OutboxEntry], effects: list[dict[str, Any]], found: set[str]
) -> None:
    total = sum(one["body"].get("amount_minor", 0) for one in effects)
    assert {kind for kind, _ in compare([], entries, {"undone"}, effects, total)} == found


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (RunStatus.DONE, []),
        (RunStatus.FAILED, []),
        (RunStatus.COMMITTING, ["stuck"]),
        (RunStatus.QUEUED, ["stuck"]),
        (RunStatus.DEAD, ["dead"]),
    ],
)
def test_an_unfinished_or_dead_run_is_found(status: RunStatus, found: list[str]) -> None:
    runs = [Run(id=1, ticket_id=1, status=status, created_at=NOW)]
    assert [kind for kind, _ in compare(runs, [], set(), [], 0)] == found


def test_anything_found_makes_a_tally_unclean() -> None:
    for kind in ("lost", "doubled", "stuck", "dead", "undone_yet_sent", "other"):
        tally = Tally("part")
        assert tally.is_clean
        tally.found(kind, "words")
        assert not tally.is_clean
        assert tally.problems == [f"{kind}: words"]

"""Real customers' words (Banking77, read from GREENLIGHT_REALDATA) at the demo company.

Nobody here wrote them, they name no customer, and nearly all ask for what the shop does not do. The
counts that this test prints with `-s` stand in docs/evidence.md.
"""

import csv
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_runner import document, greenlight
from sqlmodel import Session, col, select

from store.engine import Store
from store.schema import OutboxEntry, Run, Ticket
from store.settings import Settings
from store.transitions import Outcome, RunStatus

FOLDER = os.environ.get("GREENLIGHT_REALDATA")
COVERED = {  # what the demo company's intents serve too, in a shop's words
    "transaction_charged_twice",
    "extra_charge_on_statement",
    "request_refund",
    "Refund_not_showing_up",
    "edit_personal_details",
    "card_arrival",
    "card_delivery_estimate",
}

pytestmark = pytest.mark.skipif(
    not FOLDER or not (Path(FOLDER) / "banking77").is_dir(), reason="no real data here"
)


@dataclass(frozen=True)
class Fate:
    """What became of one ticket."""

    category: str
    status: RunStatus
    intent: str | None
    outcome: Outcome | None
    action_kind: str | None


def fates(session: Session) -> list[Fate]:
    rows = session.exec(select(Run, Ticket).where(col(Run.ticket_id) == col(Ticket.id))).all()
    return [
        Fate(ticket.extra["category"], run.status, run.intent, run.outcome, run.action_kind)
        for run, ticket in rows
    ]


def tools_called(session: Session) -> set[str]:
    return set(session.exec(select(OutboxEntry.tool)))


@pytest.mark.usefixtures("settings")
def test_real_tickets_end_or_wait_and_strangers_get_neither_replies_nor_actions(
    settings: Settings,
) -> None:
    assert FOLDER is not None
    file = Path(FOLDER) / "banking77" / "dev.csv"
    greenlight("worker", "--drain")  # opens the demo company
    submitted = document("submit", file)
    known = submitted["accepted"] + submitted["duplicates"]
    with file.open(newline="") as lines:
        assert known == len(list(csv.DictReader(lines)))
    assert submitted["rejected"] == []
    greenlight("worker", "--drain")

    store: Store = settings.open()
    found = store.read(fates)
    tools = store.read(tools_called)
    store.close()
    print(Counter((fate.outcome, fate.status, fate.intent is None) for fate in found))

    assert len(found) == submitted["accepted"], "none is lost"
    over = {RunStatus.AWAITING_REVIEW, RunStatus.COMMITTING, RunStatus.DONE}
    assert {fate.status for fate in found} <= over, "each ends or waits"
    others = [fate for fate in found if fate.category not in COVERED]
    outside = sum(fate.intent is None for fate in others)
    automatic = sum(fate.outcome is Outcome.PASS for fate in others)
    print(f"{len(others)} others: {outside} out of scope, {automatic} answered automatically")
    assert outside >= 0.90 * len(others)
    assert automatic <= 0.02 * len(others)
    assert {fate.action_kind for fate in found} == {"reply_only"}
    assert tools <= {"send_reply"}

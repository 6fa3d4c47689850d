"""`greenlight queue`, `decide`, `undo` and `report` on a real store."""

import json
from pathlib import Path

import builders
import pytest
from cli_runner import document, greenlight
from sqlmodel import Session, select

from store.engine import Store
from store.schema import Decision, Draft, Run
from store.transitions import RunStatus

pytestmark = pytest.mark.usefixtures("settings")


@pytest.fixture
def case(store: Store) -> builders.Case:
    made: builders.Case = store.transact(builders.case, confidence=0.6, action=builders.refund())
    return made


def run_status(store: Store, run_id: int) -> RunStatus:
    def status(session: Session) -> RunStatus:
        return session.get_one(Run, run_id).status

    return store.read(status)


def newest_draft(store: Store) -> Draft:
    def newest(session: Session) -> Draft:
        return session.exec(select(Draft)).all()[-1]

    return store.read(newest)


def test_the_queue_has_exactly_the_documented_fields(case: builders.Case) -> None:
    (review,) = document("queue")["reviews"]
    assert set(review) == {
        *("review_id", "kind", "run_id", "title", "risk", "confidence"),
        *("reasons", "age_s", "claimed_by", "revision", "approved_by", "still_needed"),
    }
    assert (review["review_id"], review["run_id"]) == (case.review_id, case.run_id)
    assert review["confidence"] == 0.6
    assert review["reasons"][0]["code"] == "confidence_below_threshold"
    assert set(review["reasons"][0]) == {"code", "message", "value", "limit", "margin"}


def test_an_empty_queue_is_an_empty_list(store: Store) -> None:
    assert document("queue") == {"reviews": []}


def test_people_see_the_queue_as_a_table(case: builders.Case) -> None:
    shown = greenlight("queue").stdout
    assert "Charged twice" in shown
    assert "€42.50" in shown
    assert "1 of 1 waiting" in shown


def test_approving_authorises_delivery_and_can_be_undone(case: builders.Case, store: Store) -> None:
    decided = document("decide", case.review_id, "approve", "--as", "Ana")
    assert set(decided) == {
        *("decision_id", "review_id", "verdict", "undo_until"),
        *("still_needed", "will_redraft"),
    }
    assert decided["still_needed"] == 0
    assert (decided["review_id"], decided["verdict"]) == (case.review_id, "approve")
    assert run_status(store, case.run_id) == RunStatus.COMMITTING
    undone = document("undo", decided["decision_id"], "--as", "Ana")
    assert undone["review_id"] != case.review_id
    assert run_status(store, case.run_id) == RunStatus.AWAITING_REVIEW


def test_rejecting_takes_a_reason_and_a_blamed_step(case: builders.Case, store: Store) -> None:
    arguments = ("decide", case.review_id, "reject", "--as", "Ben")
    assert "needs a reason" in greenlight(*arguments, code=1).stderr
    document(*arguments, "--reason", "wrong_facts", "--step", "tool_call", "--note", "No.")

    def stored(session: Session) -> Decision:
        return session.exec(select(Decision)).one()

    decision = store.read(stored)
    assert (decision.reason_code, decision.blamed_step) == ("wrong_facts", "tool_call")
    assert (decision.person, decision.note) == ("Ben", "No.")


def test_a_reason_that_has_it_drafted_anew_says_so(case: builders.Case, store: Store) -> None:
    arguments = ("decide", case.review_id, "reject", "--as", "Ben", "--reason", "wrong_amount")
    assert "The agent drafts once more with your reason." in greenlight(*arguments).stdout
    assert run_status(store, case.run_id) == RunStatus.QUEUED


def test_an_edit_is_the_text_of_the_file(case: builders.Case, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "reply.txt"
    file.write_text("We refund you today.\n")
    document("decide", case.review_id, "edit", "--as", "Ana", "--edit", file)
    assert newest_draft(store).reply == "We refund you today."


def test_an_edit_in_json_changes_reply_and_arguments(
    case: builders.Case, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "edit.json"
    args = {"customer_id": "C-1", "order_id": "O-1", "amount_minor": 1_000}
    file.write_text(json.dumps({"reply": "Ten euros.", "args": args}))
    document("decide", case.review_id, "edit", "--as", "Ana", "--edit", file)
    draft = newest_draft(store)
    assert (draft.reply, draft.action["amount_minor"]) == ("Ten euros.", 1_000)


@pytest.mark.parametrize("text", ["{", "[]", '{"answer": "x"}', '{"reply": 5}'])
def test_an_edit_file_that_makes_no_sense_is_refused(
    case: builders.Case, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "edit.json"
    file.write_text(text)
    arguments = ("decide", case.review_id, "edit", "--as", "Ana", "--edit", file)
    assert str(file) in greenlight(*arguments, code=1).stderr


def test_edit_and_its_file_belong_together(case: builders.Case, tmp_path: Path) -> None:
    file = tmp_path / "reply.txt"
    file.write_text("x")
    greenlight("decide", case.review_id, "edit", "--as", "Ana", code=2)
    greenlight("decide", case.review_id, "approve", "--as", "Ana", "--edit", file, code=2)


def test_a_second_decision_is_told_who_was_first(case: builders.Case) -> None:
    document("decide", case.review_id, "approve", "--as", "Ana")
    result = greenlight("decide", case.review_id, "approve", "--as", "Ben", code=1)
    assert "Already decided by Ana" in result.stderr
    assert result.stdout == ""


def test_the_same_decision_sent_again_is_one_decision(case: builders.Case) -> None:
    arguments = ("decide", case.review_id, "approve", "--as", "Ana", "--id", "decision-0001")
    assert document(*arguments) == document(*arguments)


def test_another_revision_than_the_one_seen_is_refused(case: builders.Case) -> None:
    arguments = ("decide", case.review_id, "approve", "--as", "Ana")
    assert "nothing was decided" in greenlight(*arguments, "--revision", 2, code=1).stderr
    document(*arguments, "--revision", 1)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("decide", 999, "approve", "--as", "Ana"), 1),
        (("decide", 1, "approve", "--as", "Nobody"), 1),
        (("decide", 1, "maybe", "--as", "Ana"), 2),
        (("decide", 1, "approve"), 2),
        (("undo", "no-such-decision", "--as", "Ana"), 1),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    case: builders.Case, arguments: tuple[object, ...], code: int
) -> None:
    result = greenlight(*arguments, code=code)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()


def test_an_audit_takes_right_or_wrong(store: Store) -> None:
    made = store.transact(builders.case, confidence=0.99, is_audited=True)
    greenlight("decide", made.review_id, "approve", "--as", "Ana", code=1)
    assert document("decide", made.review_id, "right", "--as", "Ana")["verdict"] == "right"


def test_the_report_has_exactly_the_documented_fields(case: builders.Case) -> None:
    report = document("report")
    assert set(report) >= {
        *("pipeline", "runs", "gated", "auto_rate", "escalated", "steps", "weakest"),
        *("product_of_steps", "end_to_end"),
    }
    assert (report["pipeline"], report["runs"], report["escalated"]) == ("support", 1, 1)
    assert set(report["steps"][0]) >= {
        *("name", "runs", "ok", "ok_rate", "retries", "p50_ms", "p95_ms"),
        *("labelled", "right", "right_rate", "right_low", "right_high"),
    }
    assert set(report["end_to_end"]) >= {"labelled", "rate", "low", "high"}


def test_people_see_unknown_where_nothing_is_labelled(case: builders.Case) -> None:
    shown = greenlight("report").stdout
    assert "End to end right: unknown" in shown
    assert "Synthesis" in shown


def test_an_empty_store_has_a_report_too(store: Store) -> None:
    assert document("report", "--days", 7)["runs"] == 0
    greenlight("report")

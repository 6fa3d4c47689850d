"""`greenlight decide` where two people are needed or a delivery is in doubt; `greenlight reverse`."""

from datetime import UTC, datetime

import gated
import pytest
import varied
from cli_runner import document, greenlight

from store import invariants
from store.engine import Store
from store.transitions import OutboxStatus, RunStatus

pytestmark = pytest.mark.usefixtures("settings")

FIELDS = {"decision_id", "review_id", "verdict", "undo_until", "still_needed", "will_redraft"}


@pytest.fixture(autouse=True)
def company(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENLIGHT_UNDO_SECONDS", "0")
    varied.open_shop(store)


@pytest.fixture
def moment() -> datetime:
    """The time at which the commands decide: theirs is the real clock."""
    return datetime.now(UTC)


@pytest.fixture
def large(store: Store, moment: datetime) -> gated.Gated:
    """A refund above the two-person limit that waits."""
    return gated.case(store, action=varied.LARGE, at=moment)


@pytest.fixture
def doubted(store: Store, moment: datetime) -> int:
    """The review of a delivery that nobody knows the end of."""
    case = gated.passed(store, at=moment)
    varied.lose(store, moment)
    return varied.waiting(store, case.run_id, moment)


def statuses(store: Store, run_id: int = 1) -> list[OutboxStatus]:
    return [entry.status for entry in gated.entries(store, run_id)]


def test_above_the_limit_the_first_approval_says_who_is_still_needed(large: gated.Gated) -> None:
    said = greenlight("decide", large.review_id, "approve", "--as", "Ana").stdout
    assert "Nothing is delivered until somebody else approved it too" in said
    assert "greenlight undo" in said
    (waiting,) = document("queue")["reviews"]
    assert (waiting["approved_by"], waiting["still_needed"]) == (["Ana"], 1)
    assert "1 of 2 Ana" in " ".join(greenlight("queue").stdout.split())


def test_the_second_approval_is_the_one_that_counts(store: Store, large: gated.Gated) -> None:
    first = document("decide", large.review_id, "approve", "--as", "Ana")
    assert set(first) == FIELDS
    assert (first["still_needed"], gated.count(store, "outbox")) == (1, 0)
    again = greenlight("decide", large.review_id, "approve", "--as", "Ana", code=1)
    assert "somebody else" in again.stderr
    second = document("decide", large.review_id, "approve", "--as", "Ben")
    assert (second["still_needed"], gated.count(store, "outbox")) == (0, 2)


def test_an_edit_above_the_limit_needs_two_others(store: Store, large: gated.Gated) -> None:
    arguments = ("decide", large.review_id, "edit", "--as", "Ana", "--edit", "-")
    said = greenlight(*arguments, stdin="Better words.").stdout
    assert "until 2 others approved it too" in said
    (waiting,) = document("queue")["reviews"]
    assert (waiting["revision"], waiting["still_needed"]) == (2, 2)


def test_a_first_approval_can_be_undone(store: Store, large: gated.Gated) -> None:
    decided = document("decide", large.review_id, "approve", "--as", "Ana")
    again = document("undo", decided["decision_id"], "--as", "Ana")["review_id"]
    (waiting,) = document("queue")["reviews"]
    assert (waiting["review_id"], waiting["approved_by"]) == (again, [])


def test_it_happened_sends_what_is_left_and_cannot_be_undone(
    store: Store, doubted: int, moment: datetime
) -> None:
    (waiting,) = document("queue")["reviews"]
    assert waiting["kind"] == "unknown_delivery"
    said = greenlight("decide", doubted, "happened", "--as", "Ana", "--note", "On the list").stdout
    assert "Ana: happened on review" in said
    assert "undo" not in said
    assert statuses(store) == [OutboxStatus.SENT, OutboxStatus.PENDING]
    varied.send_all(store, moment)
    assert gated.status(store, 1) is RunStatus.DONE


def test_it_did_not_happen_sends_it_again_under_a_new_key(
    store: Store, doubted: int, moment: datetime
) -> None:
    decided = document("decide", doubted, "send_again", "--as", "Ana")
    assert (decided["verdict"], decided["still_needed"]) == ("send_again", 0)
    varied.send_all(store, moment)
    assert sorted(statuses(store)) == ["cancelled", "failed", "sent", "sent"]
    assert store.read(invariants.violations) == []


def test_a_delivery_in_doubt_can_be_taken_back(
    store: Store, doubted: int, moment: datetime
) -> None:
    said = greenlight("decide", doubted, "reverse", "--as", "Ben").stdout
    assert "greenlight undo" in said
    varied.send_all(store, moment)
    back = next(one for one in gated.entries(store, 1) if one.reverses is not None)
    assert (back.tool, back.status) == ("void_refund", OutboxStatus.SENT)
    assert store.read(invariants.violations) == []


@pytest.mark.parametrize("word", ["send_again", "reverse"])
def test_an_answer_about_a_large_sum_takes_two_people(
    store: Store, large: gated.Gated, moment: datetime, word: str
) -> None:
    for person in ("Ana", "Ben"):
        document("decide", large.review_id, "approve", "--as", person)
    varied.lose(store, moment)
    review = varied.waiting(store, large.run_id, moment)
    assert document("decide", review, word, "--as", "Ana")["still_needed"] == 1
    assert statuses(store)[0] is OutboxStatus.UNKNOWN
    assert document("decide", review, word, "--as", "Mo")["still_needed"] == 0
    varied.send_all(store, moment)
    assert store.read(invariants.violations) == []


def test_a_draft_takes_no_answer_and_a_doubt_no_approval(
    store: Store, doubted: int, large: gated.Gated
) -> None:
    assert "takes" in greenlight("decide", doubted, "approve", "--as", "Ana", code=1).stderr
    assert "takes" in greenlight("decide", large.review_id, "reverse", "--as", "Ana", code=1).stderr


def test_what_was_sent_is_taken_back_as_a_new_action(store: Store, moment: datetime) -> None:
    case = gated.passed(store, at=moment)
    varied.send_all(store, moment)
    refund = varied.sent_refund(store, case)
    decided = document(
        "reverse", refund, "--as", "Ana", "--note", "Wrong order", "--id", "rev-0001"
    )
    assert set(decided) == FIELDS
    assert (decided["verdict"], decided["still_needed"]) == ("reverse", 0)
    assert document("reverse", refund, "--as", "Ana", "--id", "rev-0001") == decided
    varied.send_all(store, moment)
    back = next(one for one in gated.entries(store, case.run_id) if one.reverses == refund)
    assert (back.tool, back.status) == ("void_refund", OutboxStatus.SENT)
    assert gated.status(store, case.run_id) is RunStatus.DONE
    refused = greenlight("reverse", refund, "--as", "Ben", code=1)
    assert "taken back already" in refused.stderr


def test_a_large_reversal_waits_for_somebody_else_as_a_reversal(
    store: Store, large: gated.Gated, moment: datetime
) -> None:
    for person in ("Ana", "Ben"):
        document("decide", large.review_id, "approve", "--as", person)
    varied.send_all(store, moment)
    said = greenlight("reverse", varied.sent_refund(store, large), "--as", "Ana").stdout
    assert "until somebody else approved it too" in said
    (waiting,) = document("queue")["reviews"]
    assert (waiting["kind"], waiting["still_needed"]) == ("stale", 1)
    assert "reversal" in greenlight("queue").stdout
    document("decide", waiting["review_id"], "approve", "--as", "Ben")
    varied.send_all(store, moment)
    assert store.read(invariants.violations) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("no-such-action", "--as", "Ana"), 1),
        (("no-such-action", "--as", "Nobody"), 1),
        (("no-such-action",), 2),
    ],
)
def test_what_cannot_be_taken_back_is_said_in_one_line(
    store: Store, arguments: tuple[str, ...], code: int
) -> None:
    result = greenlight("reverse", *arguments, code=code)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()

"""`greenlight hold`: a manager stops automatic delivery, and lets it go on."""

import gated
import pytest
import varied
from cli_runner import document, greenlight

from store import holds
from store.engine import Store
from store.transitions import OutboxStatus

pytestmark = pytest.mark.usefixtures("settings")


@pytest.fixture(autouse=True)
def company(store: Store) -> None:
    varied.open_shop(store)


def test_nothing_is_on_hold_until_somebody_says_so() -> None:
    assert document("hold", "show") == {"held": False, "holds": []}
    assert "Nothing is on hold." in greenlight("hold", "show").stdout


def test_a_hold_stops_what_the_gate_alone_sends(store: Store) -> None:
    held = document("hold", "on", "--as", "Mo", "--note", "Odd refunds")
    assert held["held"] is True
    (hold,) = held["holds"]
    assert set(hold) == {"kind", "by", "since", "note"}
    assert (hold["kind"], hold["by"], hold["note"]) == (None, "Mo", "Odd refunds")
    case = gated.passed(store)
    varied.send_all(store, gated.run(store, case.run_id).created_at)
    assert {one.status for one in gated.entries(store, case.run_id)} == {OutboxStatus.PENDING}
    assert document("hold", "off", "--as", "Mo") == {"held": False, "holds": []}
    varied.send_all(store, gated.run(store, case.run_id).created_at)
    assert {one.status for one in gated.entries(store, case.run_id)} == {OutboxStatus.SENT}


def test_one_kind_is_held_by_itself(store: Store) -> None:
    said = greenlight("hold", "on", "--kind", "refund", "--as", "Mo", "--note", "Look first").stdout
    assert "Automatic delivery of `refund` is on hold" in said
    assert "Look first" in said
    assert [hold.kind for hold in store.read(holds.in_force)] == ["refund"]
    assert (
        "Nothing is on hold." in greenlight("hold", "off", "--kind", "refund", "--as", "Mo").stdout
    )


def test_a_kind_that_nothing_carries_out_is_refused(store: Store) -> None:
    result = greenlight("hold", "on", "--kind", "refunds", "--as", "Mo", code=1)
    assert "no action kind `refunds`" in result.stderr
    assert "refund" in result.stderr
    assert gated.count(store, "hold") == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("on", "--as", "Ana"), 1),
        (("on", "--as", "Nobody"), 1),
        (("on",), 2),
        (("off", "--as", "Mo"), 1),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    store: Store, arguments: tuple[str, ...], code: int
) -> None:
    result = greenlight("hold", *arguments, code=code)
    assert (result.stdout, gated.count(store, "hold")) == ("", 0)
    assert "Traceback" not in result.stderr


def test_a_note_with_terminal_codes_is_shown_harmlessly() -> None:
    shown = greenlight("hold", "on", "--as", "Mo", "--note", "\x1b[2Jgone").stdout
    assert "\x1b" not in shown

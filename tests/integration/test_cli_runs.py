"""`greenlight runs`: what is dead or failed, tried again or withdrawn, with clear words and codes."""

import builders
import gated
import pytest
from cli_runner import document, greenlight

from store.engine import Store
from store.transitions import RunStatus

pytestmark = pytest.mark.usefixtures("settings")


@pytest.fixture
def shop(store: Store) -> Store:
    """A store with a dead run (1), a failed one (2) and a queued one (3)."""
    store.transact(builders.company)
    store.transact(builders.run, status=RunStatus.DEAD, error="crashed its worker three times")
    store.transact(builders.run, status=RunStatus.FAILED, error="intent: \x1b[31mno such model")
    store.transact(builders.run)
    return store


def test_dead_runs_are_listed_with_their_reason(shop: Store) -> None:
    found = document("runs", "list", "--status", "dead")
    assert found["total"] == 1
    assert found["runs"][0]["run_id"] == 1
    assert found["runs"][0]["error"] == "crashed its worker three times"
    shown = greenlight("runs", "list").stdout
    assert "no such model" in shown
    assert "\x1b" not in shown


def test_a_long_list_says_how_many_more_there_are(shop: Store) -> None:
    assert "2 more" in greenlight("runs", "list", "--limit", 1).stderr


def test_several_runs_are_retried_and_a_refused_one_stops_no_other(shop: Store) -> None:
    done = document("runs", "retry", 1, 3, 99, 2, "--as", "Ana", code=1)
    assert [one["run_id"] for one in done["retried"]] == [1, 2]
    assert done["retried"][0] == {"run_id": 1, "status": "queued", "review_id": None}
    assert [one["run_id"] for one in done["refused"]] == [3, 99]
    assert {gated.status(shop, number) for number in (1, 2, 3)} == {RunStatus.QUEUED}


def test_retrying_says_where_the_run_went(shop: Store) -> None:
    result = greenlight("runs", "retry", 2, "--as", "Ana")
    assert result.stdout == ("Run 2 is queued again and goes on after its last recorded step.\n")
    result = greenlight("runs", "retry", 2, "--as", "Ana", code=1)
    assert "Run 2 is queued, and only a failed or dead one can be retried" in result.stderr


def test_a_run_is_withdrawn_once_with_its_note(shop: Store) -> None:
    done = document("runs", "cancel", 3, "--as", "Mo", "--note", "sent twice")
    assert done == {"run_id": 3, "status": "cancelled"}
    assert gated.run(shop, 3).error == "cancelled by Mo: sent twice"
    again = greenlight("runs", "cancel", 3, "--as", "Mo", code=1)
    assert again.stderr == ("greenlight: Run 3 was cancelled already. Nothing was changed.\n")


def test_nobody_unknown_can_do_either(shop: Store) -> None:
    assert "Nobody called `Eve`" in greenlight("runs", "cancel", 3, "--as", "Eve", code=1).stderr
    assert "Nobody called `Eve`" in greenlight("runs", "retry", 1, "--as", "Eve", code=1).stderr
    greenlight("runs", "cancel", 3, code=2)
    assert gated.status(shop, 3) is RunStatus.QUEUED

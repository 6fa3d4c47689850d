"""What the Gate page says while somebody only looks: the policy in force stays what it is."""

from typing import Any

import gate_page
import pages
import pytest
from builders import NOW
from gate_page import button, edit, gate, point, promise, publish, release

from dashboard import session
from store import policies
from store.engine import Store
from store.gate import PolicyBody, Promise

NEEDS_AUDITS = "A promise needs audits: at an audit rate of 0 this version promises nothing."


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(NOW)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture
def audited(store: Store, clock: pages.Clock) -> Store:
    gate_page.fill(store)
    return store


@pytest.fixture
def promised(audited: Store) -> Store:
    """A store whose active policy promises 2 % at 0.90."""
    body = PolicyBody(threshold=0.9, promises={"*": Promise(max_error=0.02)})
    audited.transact(policies.publish, body, author="Mo", note="", now=NOW)
    return audited


def test_now_is_the_policy_in_force_whatever_rules_are_tried(audited: Store) -> None:
    at = gate(show="Rules and caps")
    before, unmoved = pages.part(at, "threshold")["now"], point(at, "0.85")
    assert before == {"share": 0.8, "figures": unmoved["figures"], "isShown": False}
    at = edit(at, 1, **{"always a person": True})
    drawn, tried = pages.part(at, "threshold"), point(at, "0.85")
    assert (tried["share"], tried["flips"]) == (0.0, "0 to alone, 500 to a person")
    assert drawn["now"] == {**before, "isShown": True}


def test_now_is_shown_where_no_case_changes_but_a_figure_does(audited: Store) -> None:
    at = gate(show="Rules and caps")
    at.number_input(key="audit_rate_1_0_1").set_value(50.0).run()
    drawn = pages.part(at, "threshold")
    assert point(at, "0.85")["flips"] == "0 to alone, 0 to a person"
    assert point(at, "0.85")["figures"][1][0] != drawn["now"]["figures"][1][0]
    assert drawn["now"]["isShown"]


@pytest.mark.parametrize("share", ["0.5 %", "1 %", "5 %"])
def test_to_look_at_another_promise_changes_none(promised: Store, share: str) -> None:
    at = gate(limit=share)
    said = pages.words_of(at)
    assert "Nothing is changed yet" in said
    assert "The promise of at most 2 % wrong stays" in said
    assert not promise(at).value
    assert button(at, "publish_").disabled


def test_another_promise_takes_the_place_of_the_standing_one_once_ticked(promised: Store) -> None:
    at = gate(limit="5 %")
    promise(at).check().run()
    said = pages.words_of(at)
    assert "Promise for everything: at most 2 % wrong, 95 % sure → at most 5 % wrong" in said
    publish(at)
    assert promised.read(policies.active).body.promises == {"*": Promise(max_error=0.05)}


def test_a_standing_promise_moves_along_and_is_dropped_where_it_is_not_certified(
    promised: Store,
) -> None:
    at = release(gate(limit="5 %"), 0.8)
    assert "Promise for everything" not in pages.words_of(at)
    at = release(at, 0.5)
    said = pages.words_of(at)
    assert "Promise for everything: at most 2 % wrong, 95 % sure → none · looser" in said
    assert "0.50 is not certified for at most 2 % wrong: this version drops that promise." in said


def test_nothing_is_promised_without_audits(promised: Store) -> None:
    at = gate(show="Rules and caps")
    assert promise(at).value
    at.number_input(key="audit_rate_2_0_1").set_value(0.0).run()
    assert (promise(at).value, promise(at).disabled) == (False, True)
    assert NEEDS_AUDITS in pages.words_of(at)
    assert "Promise for everything: at most 2 % wrong, 95 % sure → none" in pages.words_of(at)
    publish(at)
    body = promised.read(policies.active).body
    assert (body.audit_rate, body.promises) == (0.0, {})


@pytest.mark.parametrize(("key", "typed"), [("minutes", -3.0), ("hour", 1e9), ("wrong", -0.01)])
def test_a_cost_that_is_none_is_refused_in_words(audited: Store, key: str, typed: float) -> None:
    at = gate()
    usual = [one["figures"] for one in _points(at)]
    at.number_input(key=key).set_value(7.0).run()
    assert [one["figures"] for one in _points(at)] != usual
    at.number_input(key=key).set_value(typed).run()
    taken = {
        "minutes": "minutes per card 2",
        "hour": "an hour of work 30",
        "wrong": "a wrong one 25",
    }
    said = f"A cost is between 0 and 1\u202f000\u202f000. Taken instead: {taken[key]}."
    assert said in pages.words_of(at)
    assert [one["figures"] for one in _points(at)] == usual


def _points(at: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pages.part(at, "threshold")["points"]
    return found

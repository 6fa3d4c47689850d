"""The Gate page where something happened meanwhile: another version, a broken promise."""

from datetime import timedelta

import gate_page
import pages
import pytest
from builders import NOW
from gate_page import LATER, broken, button, gate, promise, publish, release

from dashboard import live, session
from store import certificates, policies, shadows
from store.engine import Store
from store.gate import PolicyBody, Promise

PROMISED = PolicyBody(threshold=0.95, promises={"*": Promise(max_error=0.02)})
SENTENCE = (
    "Every draft goes to a person since 12:00 UTC: the promise of at most 2 % wrong no longer"
    " holds. A manager reopens it on the Gate page."
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(NOW)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture
def audited(store: Store, clock: pages.Clock) -> Store:
    gate_page.fill(store)
    return store


def test_a_tab_that_shows_an_old_difference_publishes_nothing(audited: Store) -> None:
    at = release(gate(), 0.9)
    at.text_input(key="policy_note").set_value("stricter").run()
    audited.transact(policies.publish, PROMISED, author="Mo", note="in another tab", now=NOW)
    at = pages.press(at, "publish_")
    assert audited.read(policies.active).version == 2
    assert [one.is_standing for one in audited.read(certificates.certificates)] == [True]
    told = pages.part(at, "notice")
    assert told["tone"] == "problem"
    assert told["text"] == (
        "Version 2 was published by Mo meanwhile. What you try is compared with it now; nothing of"
        " yours is published."
    )
    assert "Threshold 0.95 → 0.90 · looser" in pages.words_of(at)
    assert at.text_input(key="policy_note").value == "stricter"
    publish(at, "stricter all the same")
    assert audited.read(policies.active).body == PROMISED.model_copy(update={"threshold": 0.9})


def test_an_edited_rule_outlives_somebody_elses_version(audited: Store) -> None:
    at = gate(show="Rules and caps")
    at.number_input(key="daily_cap_minor_1_0_1").set_value(50.5).run()
    audited.transact(policies.publish, PROMISED, author="Mo", note="", now=NOW)
    said = pages.words_of(at.run())
    assert "Alone per customer and day at most €200.00 → €50.50" in said
    assert "Threshold" not in said.split("Publish a new version")[1]
    assert promise(at).value


def test_what_was_published_is_not_tried_any_more(audited: Store) -> None:
    at = publish(release(gate(), 0.9))
    assert "Nothing is changed yet" in pages.words_of(at)
    audited.transact(policies.publish, PROMISED, author="Mo", note="", now=NOW)
    assert "Nothing is changed yet" in pages.words_of(at.run())


def test_a_tab_in_which_nothing_is_left_to_publish_tells_why(audited: Store) -> None:
    at = release(gate(), 0.95)
    at.text_input(key="policy_note").set_value("stricter").run()
    audited.transact(policies.publish, PROMISED, author="Mo", note="in another tab", now=NOW)
    at = pages.press(at, "publish_")
    assert pages.part(at, "notice")["text"] == (
        "Version 2 was published by Mo at 12:00 UTC meanwhile. Nothing was changed: look at the"
        " difference to it, and do it again if you still want to."
    )
    assert audited.read(policies.active).body == PROMISED


def test_a_shadow_is_not_started_against_an_old_difference(audited: Store) -> None:
    at = release(gate(show="Shadow policy"), 0.6)
    audited.transact(policies.publish, PROMISED, author="Mo", note="", now=NOW)
    at = pages.press(at, "start_shadow")
    assert audited.read(shadows.running) is None
    assert "Version 2 was published by Mo" in pages.part(at, "notice")["text"]
    pages.press(at, "start_shadow")
    running = audited.read(shadows.running)
    assert running is not None
    assert running.body.threshold == 0.6


def test_a_suspended_promise_looks_suspended(audited: Store, clock: pages.Clock) -> None:
    broken(audited)
    clock.at = LATER
    at = gate("Mo", show="Versions")
    drawn = pages.part(at, "threshold")
    assert drawn["isStopped"]
    said = drawn["points"][drawn["value"]]["said"]
    assert said.startswith("Suspended: none of it goes out alone until a manager reopens")
    assert "Automatic delivery is running" not in pages.words_of(at)
    assert "Promised no more: at most 2 % wrong, suspended at 12:00 UTC." in pages.words_of(at)
    assert "Promised: at most 2 % wrong: suspended at 12:00" in pages.words_of(at)
    assert at.dataframe[-1].value["promised"].tolist() == ["2 % suspended at 12:00", ""]
    assert not promise(at).value
    assert button(at, "publish_").disabled
    assert live.hold_line() == SENTENCE


def test_a_broken_promise_is_made_again_in_one_go(audited: Store, clock: pages.Clock) -> None:
    number = broken(audited)
    audited.transact(certificates.reopen, number, person="Mo", note="mended", now=LATER)
    clock.at = LATER + timedelta(hours=1)
    assert live.hold_line() == ""
    at = gate()
    assert not pages.part(at, "threshold")["isStopped"]
    assert "Nothing is changed yet" in pages.words_of(at)
    promise(at).check().run()
    assert "Promise for everything: none → at most 2 % wrong, 95 % sure" in pages.words_of(at)
    at = publish(at, "a wrong macro is mended")
    newest, old = audited.read(certificates.certificates)
    assert (newest.is_standing, old.id) == (True, number)
    assert promise(at).value
    at = gate(show="Versions")
    assert at.dataframe[-1].value["promised"].tolist() == [
        "2 % holds",
        "2 % broken, reopened at 12:00",
        "",
    ]


def test_a_broken_promise_is_not_made_again_by_itself(audited: Store, clock: pages.Clock) -> None:
    number = broken(audited)
    audited.transact(certificates.reopen, number, person="Mo", now=LATER)
    clock.at = LATER
    at = release(gate(), 0.95)
    assert "at most 2 % wrong, 95 % sure → none · looser" in pages.words_of(at)
    publish(at)
    assert audited.read(policies.active).body.promises == {}


def test_one_kinds_broken_promise_is_told_beside_everything(
    audited: Store, clock: pages.Clock
) -> None:
    body = PolicyBody(threshold=0.9, promises={"reply_only": Promise(max_error=0.02)})
    audited.transact(policies.publish, body, author="Mo", note="", now=NOW)
    (one,) = audited.read(certificates.certificates)
    audited.transact(certificates.suspend, one.id, "20 of 100 were wrong", now=LATER)
    clock.at = LATER
    drawn = pages.part(gate(), "threshold")
    assert not drawn["isStopped"]
    said = drawn["points"][drawn["value"]]["said"]
    assert said.startswith("Suspended, all to a person: replies without an action. At 0.90")
    assert pages.part(gate(kind="Replies without an action"), "threshold")["isStopped"]

"""The Gate page where a loosening takes two managers: proposing, agreeing, and who sees what."""

from datetime import datetime

import desk
import pages
import pytest
from sqlmodel import Session
from streamlit.testing.v1 import AppTest

from dashboard import session
from store import policies
from store.engine import Store
from store.schema import Person
from store.transitions import Role

STRICT = desk.POLICY.model_copy(update={"needs_second_manager": True})
LOOSER = STRICT.model_copy(update={"threshold": 0.6, "audit_rate": 0.0})


@pytest.fixture
def filled(store: Store, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A desk of cards under a policy that takes two managers to loosen."""
    monkeypatch.setattr(session, "now", pages.Clock(now))
    desk.company(store, now=now, policy=STRICT)
    for case in (*desk.cases(), desk.Case("T-2999", "Charged twice; please refund one.")):
        desk.run(store, case, at=now)
    return store


def add_manager(store: Store) -> None:
    def add(session: Session) -> None:
        session.add(Person(name="Zoe", role=Role.MANAGER))

    store.transact(add)


def propose(store: Store, now: datetime) -> int:
    return store.transact(policies.publish, LOOSER, author="Mo", note="fewer cards", now=now)


def gate(person: str, *, threshold: float | None = None, show: str = "") -> AppTest:
    def draw() -> None:
        from dashboard.app_pages import gate

        gate.page()

    at = pages.page(draw)
    at.session_state["person"] = person
    if show:
        at.query_params["show"] = show
    if threshold is not None:
        at.session_state["policy_tried"] = session.Tried(1, moved={"*": threshold})
    at.run()
    assert not at.exception
    return at


def keys(at: AppTest) -> list[str]:
    return [button.key or "" for button in at.button]


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


def test_a_loosening_is_proposed_with_who_must_agree(filled: Store, now: datetime) -> None:
    add_manager(filled)
    at = gate("Mo", threshold=0.6)
    said = pages.words_of(at)
    assert "**Propose a new version**" in said
    assert "Threshold 0.85 → 0.60 · looser" in said
    assert "It is looser, so another manager must agree: Zoe." in said
    assert "Propose" in labels(at)
    assert "Publish" not in labels(at)
    at.text_input(key="policy_note").set_value("fewer cards").run()
    pages.press(at, "publish_")
    (proposal,) = filled.read(policies.proposals)
    assert (proposal.author, proposal.body.threshold) == ("Mo", 0.6)
    assert filled.read(policies.active).version == 1
    told = pages.part(at, "notice")["text"]
    assert told == "Version 2 is proposed. Nothing changes until another manager approves."


def test_a_tightening_is_published_by_one(filled: Store) -> None:
    at = gate("Mo", threshold=0.9)
    assert "Threshold 0.85 → 0.90" in pages.words_of(at)
    assert "looser" not in pages.words_of(at)
    at.text_input(key="policy_note").set_value("fewer cards").run()
    pages.press(at, "publish_")
    assert filled.read(policies.active).body.threshold == 0.9


def test_a_lone_manager_learns_that_nobody_can_agree(filled: Store) -> None:
    assert "there is no other yet" in pages.words_of(gate("Mo", threshold=0.6))


def test_another_manager_sees_what_it_would_do_and_approves(filled: Store, now: datetime) -> None:
    add_manager(filled)
    number = propose(filled, now)
    at = gate("Zoe")
    said = pages.words_of(at)
    assert f"**Version {number} waits for another manager**" in said
    assert "Proposed by Mo since 12:00 UTC: fewer cards" in said
    assert "Threshold 0.85 → 0.60 · looser\nAudited blind 2 % → 0 % · looser" in said
    shown = {tile["label"]: tile for tile in pages.part(at, "tiles")["tiles"]}
    assert " → " in shown["Sent alone"]["value"]
    assert shown["Cases changed"]["value"] == "1"
    assert shown["Cases changed"]["hint"] == "1 to alone, 0 to a person"
    pages.press(at, "approve_policy_")
    active = filled.read(policies.active)
    assert (active.version, active.approved_by) == (number, "Zoe")
    assert pages.part(at, "notice")["text"].startswith(f"Version {number} gates new drafts")
    assert not [key for key in keys(at) if key.startswith("approve_policy_")]
    assert "Mo and Zoe" in gate("Zoe", show="Versions").dataframe[-1].value["by"].tolist()


def test_its_author_can_only_withdraw_it(filled: Store, now: datetime) -> None:
    add_manager(filled)
    number = propose(filled, now)
    at = gate("Mo")
    assert not [key for key in keys(at) if key.startswith("approve_policy_")]
    assert "another manager must agree: Zoe." in pages.words_of(at)
    pages.press(at, "withdraw_policy_")
    assert filled.read(policies.proposals) == []
    assert filled.read(policies.version, number).state == "not published"


def test_an_operator_sees_a_proposal_and_can_do_nothing(filled: Store, now: datetime) -> None:
    propose(filled, now)
    at = gate("Ana")
    said = pages.words_of(at)
    assert "Threshold 0.85 → 0.60 · looser" in said
    assert "Another manager than its author approves it" in said
    assert [button.key for button in at.button if not button.disabled] == ["refresh_past"]


def test_a_callback_that_an_operator_reaches_anyway_is_refused_in_words(
    filled: Store, now: datetime
) -> None:
    number = propose(filled, now)

    def draw() -> None:
        import streamlit as st

        from dashboard import steering
        from dashboard.components.notice import notice
        from dashboard.session import now as time

        version = int(st.session_state["forged"])
        st.button("a", key="go_approve", on_click=steering.approve_policy, args=(version,))
        st.button("b", key="go_withdraw", on_click=steering.withdraw_policy, args=(version,))
        notice(time(), place="gate")

    for press in ("go_approve", "go_withdraw"):
        at = pages.page(draw)
        at.session_state["person"] = "Ana"
        at.session_state["forged"] = number
        pages.press(at.run(), press)
        said = pages.part(at, "notice")
        assert (said["tone"], "needs a manager" in said["text"]) == ("problem", True)
    assert filled.read(policies.version, number).state == "proposed"


def test_somebody_elses_approval_in_between_is_told(filled: Store, now: datetime) -> None:
    add_manager(filled)
    number = propose(filled, now)
    at = gate("Zoe")
    filled.transact(policies.withdraw, number, person="Mo", now=now)
    pages.press(at, "approve_policy_")
    assert "is closed: it was withdrawn" in pages.part(at, "notice")["text"]
    assert filled.read(policies.active).version == 1

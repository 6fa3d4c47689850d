"""Holds: no automatic delivery from that moment; what a person approved still goes out."""

import asyncio
from collections.abc import Mapping
from typing import Any

import gated
import pytest
from builders import NOW, refund
from delivering import (
    Books,
    cancel_order,
    claim,
    decide,
    deliver_all,
    execute,
    shop,
    statuses,
    together,
    tools_of,
)
from sqlmodel import Session

from store import deliveries, holds
from store.actions import reply_only
from store.engine import Store
from store.errors import BadInput, NotAllowed
from store.outputs import ToolCallRecord
from store.settings import Settings
from store.transitions import RunStatus


def hold(store: Store, kind: str | None = None, *, is_held: bool = True, by: str = "Mo") -> None:
    store.transact(holds.set_hold, person=by, kind=kind, is_held=is_held, note="why", now=NOW)


def kinds(store: Store) -> list[str | None]:
    return [one.kind for one in store.read(holds.in_force)]


def test_a_hold_stops_what_the_gate_let_pass_and_release_lets_it_go(store: Store) -> None:
    case = gated.passed(store)
    hold(store)
    assert claim(store) == []
    assert store.read(deliveries.next_due_seconds) is None
    hold(store, is_held=False)
    assert store.read(deliveries.next_due_seconds) == 0
    assert tools_of(deliver_all(store)) == ["issue_refund", "send_reply"]
    assert gated.status(store, case.run_id) is RunStatus.DONE


def test_what_a_person_approved_goes_out_all_the_same(store: Store) -> None:
    case = gated.case(store)
    hold(store)
    decide(store, case.approve())
    assert tools_of(deliver_all(store)) == ["issue_refund", "send_reply"]


def test_a_hold_over_one_kind_leaves_the_others_alone(store: Store) -> None:
    gated.passed(store)
    words = gated.passed(store, action=reply_only("C-2"), customer_id="C-2")
    hold(store, "refund")
    assert [due.run_id for due in claim(store)] == [words.run_id]


@pytest.mark.parametrize("kind", ["refund", "cancel_order"])
def test_a_hold_over_the_kind_of_any_part_holds_the_whole_draft(store: Store, kind: str) -> None:
    shop(store)
    gated.passed(store, action=together(cancel_order(), refund()))
    hold(store, kind)
    assert claim(store) == []


def test_a_hold_over_everything_and_one_over_a_kind_are_released_apart(store: Store) -> None:
    gated.passed(store)
    hold(store)
    hold(store, "refund")
    assert kinds(store) == [None, "refund"]
    hold(store, is_held=False)
    assert kinds(store) == ["refund"]
    assert claim(store) == []
    hold(store, "refund", is_held=False)
    assert len(claim(store)) == 1


def test_a_hold_in_the_middle_of_a_draft_stops_the_rest(store: Store) -> None:
    case = gated.passed(store)
    (action,) = claim(store)
    hold(store)
    store.transact(deliveries.mark_sent, action, {}, latency_ms=1.0, now=NOW)
    assert claim(store) == []
    assert statuses(store, case.run_id)[1] == ("send_reply", "pending")


def test_taking_back_what_failed_is_not_held(store: Store) -> None:
    shop(store)
    gated.passed(store, action=together(cancel_order(), refund()))
    (first,) = claim(store)
    store.transact(deliveries.mark_sent, first, {}, latency_ms=1.0, now=NOW)
    (second,) = claim(store)
    hold(store)
    store.transact(deliveries.mark_failed, second, "closed", now=NOW)
    assert tools_of(deliver_all(store)) == ["restore_order"]


def test_a_hold_survives_a_restart(store: Store, settings: Settings) -> None:
    gated.passed(store)
    hold(store, "refund")
    store.close()
    again = settings.open()
    try:
        assert [(one.kind, one.person, one.note) for one in again.read(holds.in_force)] == [
            ("refund", "Mo", "why")
        ]
        assert claim(again) == []
    finally:
        again.close()


def test_who_held_and_released_what_is_in_the_audit_trail(store: Store) -> None:
    gated.passed(store)
    hold(store)
    hold(store, is_held=False)

    def said(session: Session) -> list[tuple[str, str, str]]:
        trail = gated.audit_entries(session)
        return [(one.actor, one.tag, one.subject) for one in trail if one.tag.startswith("hold:")]

    assert store.read(said) == [("Mo", "hold:set", "hold:*"), ("Mo", "hold:released", "hold:*")]


@pytest.mark.parametrize("is_held", [True, False])
def test_an_operator_neither_holds_nor_releases(store: Store, is_held: bool) -> None:
    gated.passed(store)
    hold(store)
    with pytest.raises(NotAllowed, match="manager"):
        hold(store, is_held=is_held, by="Ana")
    assert kinds(store) == [None]


def test_a_kind_that_nobody_proposes_cannot_be_held(store: Store) -> None:
    shop(store)
    with pytest.raises(BadInput, match=r"no action `refunds`.*refund, reply_only"):
        store.transact(holds.set_hold, person="Mo", kind="refunds", is_held=True, now=NOW)


def test_what_is_not_held_cannot_be_released(store: Store) -> None:
    gated.passed(store)
    with pytest.raises(BadInput, match="`refund` is not on hold"):
        hold(store, "refund", is_held=False)


def test_greenlight_itself_may_stop_but_never_release(store: Store) -> None:
    gated.passed(store)
    store.transact(holds.set_hold, person=None, kind=None, is_held=True, now=NOW)
    with pytest.raises(BadInput, match="Only a person"):
        store.transact(holds.set_hold, person=None, kind=None, is_held=False, now=NOW)
    assert [one.person for one in store.read(holds.in_force)] == ["greenlight"]


class HoldsMeanwhile(Books):
    """Presses the hold while its first call is under way."""

    def __init__(self, store: Store) -> None:
        super().__init__({})
        self._store = store

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        if not self.calls:
            hold(self._store)
        return await super().call(tool, args)


async def test_an_executor_stops_at_the_next_call_once_a_hold_is_set(store: Store) -> None:
    case = gated.passed(store)
    tools = HoldsMeanwhile(store)
    await execute(store, tools)
    assert tools.called == ["issue_refund"]
    assert statuses(store, case.run_id)[1] == ("send_reply", "pending")
    hold(store, is_held=False)
    await execute(store, tools)
    assert tools.called == ["issue_refund", "send_reply"]
    assert gated.status(store, case.run_id) is RunStatus.DONE


@pytest.mark.parametrize("kind", [None, "refund", "cancel_order"])
def test_a_hold_set_after_the_claim_is_seen_before_the_call(store: Store, kind: str | None) -> None:
    shop(store)
    gated.passed(store, action=together(cancel_order(), refund()))
    (due,) = claim(store)
    assert not store.read(deliveries.is_held, due)
    hold(store, kind)
    assert store.read(deliveries.is_held, due)
    store.transact(deliveries.postpone, due, None, delay_seconds=0.0, may_have_happened=False)
    assert claim(store) == []
    hold(store, kind, is_held=False)
    (again,) = claim(store)
    assert (again.id, again.in_doubt) == (due.id, False), "nothing was called meanwhile"


async def test_many_held_entries_do_not_keep_the_executor_busy(store: Store) -> None:
    for number in range(20):
        gated.passed(store, customer_id=f"C-{number}")
    hold(store)
    approved = gated.case(store, customer_id="C-99")
    decide(store, approved.approve())
    tools = Books({})
    await asyncio.wait_for(execute(store, tools), 20)
    assert {args["customer_id"] for _, args in tools.calls} == {"C-99"}

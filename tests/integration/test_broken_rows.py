"""Rows that no verb has written stop only themselves: what is sound beside them is delivered."""

from datetime import datetime

import gated
import pytest

from agents.executor import Executor, Manner
from agents.settling import Patience
from agents.testing import FixedClock, ScriptedTools
from store import deliveries
from store.engine import Store
from store.settings import Settings
from store.transitions import OutboxStatus
from store.writer import GroupWriter

OK = {"issue_refund": [{"refund_id": "re_1"}], "send_reply": [{"message_id": "m_1"}]}


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE run SET status = 'awaiting_review' WHERE id = ?",
        "UPDATE run SET status = 'dead' WHERE id = ?",
        "UPDATE run SET policy_version = NULL WHERE id = ?",
        "DELETE FROM step_record WHERE run_id = ?",
        "DELETE FROM draft WHERE run_id = ?",
        "DELETE FROM run WHERE id = ?",
        "UPDATE draft SET action = '[]' WHERE run_id = ?",
        "UPDATE outbox SET in_doubt = 1, body = '[' WHERE run_id = ?",
    ],
)
async def test_a_broken_delivery_neither_goes_out_nor_stops_the_others(
    store: Store, settings: Settings, now: datetime, sql: str
) -> None:
    broken, sound = gated.passed(store), gated.passed(store, customer_id="C-2")
    gated.tamper(settings, sql, broken.run_id)
    tools = ScriptedTools(OK)
    writer = GroupWriter(store)
    how = Manner(lease_seconds=30.0, drain=True, patience=Patience(), clock=FixedClock(now))
    await Executor(store, writer, tools, ScriptedTools({}), how).work()
    writer.close()
    assert [args["customer_id"] for _, args in tools.calls] == ["C-2", "C-2"]
    assert {one.status for one in gated.entries(store, sound.run_id)} == {OutboxStatus.SENT}


def test_what_died_in_a_broken_row_is_set_aside_and_named(
    store: Store, settings: Settings, now: datetime
) -> None:
    broken, sound = gated.passed(store), gated.passed(store, customer_id="C-2")
    gated.execute(store, "UPDATE tool SET key_field = NULL")
    store.transact(deliveries.claim, "dead", limit=9, lease_seconds=-1, now=now)
    gated.tamper(settings, "DELETE FROM draft WHERE run_id = ?", broken.run_id)
    assert store.transact(deliveries.reap, now=now) == 2
    (aside, _), (asked, _) = gated.entries(store, broken.run_id), gated.entries(store, sound.run_id)
    assert aside.status is asked.status is OutboxStatus.UNKNOWN
    assert "rows are broken" in (aside.error or "")
    assert gated.count(store, "review WHERE kind = 'unknown_delivery'") == 1

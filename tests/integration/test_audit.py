"""The audit trail: whole after any activity; an edit, a cut or an insertion names its row."""

from datetime import datetime

import gated
import pytest
from builders import NOW

from store import audit, deliveries, policies, reviews, undoing
from store.audit import ChainState
from store.engine import Store
from store.gate import PolicyBody
from store.settings import Settings


@pytest.fixture
def chain(store: Store, now: datetime) -> ChainState:
    """The chain after something of everything happened."""
    gated.passed(store, policy=PolicyBody(audit_rate=1.0))
    for due in store.transact(deliveries.claim, "x", limit=9, lease_seconds=60, now=NOW):
        store.transact(deliveries.mark_sent, due, {"id": "r"}, latency_ms=1.0, now=now)
    case = gated.case(store)
    store.transact(reviews.decide, case.approve(decision_id="decision-1"), now=now)
    store.transact(undoing.undo, "decision-1", "Ana", now=now)
    store.transact(policies.publish, PolicyBody(threshold=0.9), author="Mo", note="", now=now)
    return store.read(audit.verify)


def verify(store: Store) -> ChainState:
    return store.read(audit.verify)


def test_an_empty_trail_is_whole(store: Store) -> None:
    assert verify(store) == ChainState(0, audit.GENESIS, None)


def test_the_trail_is_whole_after_activity(store: Store, chain: ChainState) -> None:
    assert chain.is_ok
    assert chain.entries == gated.count(store, "audit_entry") > 6


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'thief'",
        "tag = 'run:review:approve'",
        "subject = 'run:99'",
        "body = '{}'",
        "at = '2020-01-01 00:00:00.000000'",
        "at = 'yesterday'",
        "hash = 'f' || substr(hash, 2) || 'f'",
        "prev_hash = 'f' || prev_hash",
    ],
)
def test_an_edited_entry_is_named(
    store: Store, settings: Settings, chain: ChainState, change: str
) -> None:
    gated.tamper(settings, f"UPDATE audit_entry SET {change} WHERE seq = 3")
    found = verify(store)
    assert (found.first_bad_seq, found.entries, found.is_ok) == (3, 2, False)


@pytest.mark.usefixtures("chain")
def test_a_deleted_entry_leaves_a_gap_that_is_named(store: Store, settings: Settings) -> None:
    gated.tamper(settings, "DELETE FROM audit_entry WHERE seq = 4")
    assert verify(store).first_bad_seq == 4


@pytest.mark.usefixtures("chain")
def test_two_swapped_entries_are_named(store: Store, settings: Settings) -> None:
    gated.tamper(settings, "UPDATE audit_entry SET seq = -seq WHERE seq IN (3, 4)")
    gated.tamper(settings, "UPDATE audit_entry SET seq = 7 + seq WHERE seq < 0")
    assert verify(store).first_bad_seq == 3


def test_an_inserted_entry_is_named(store: Store, settings: Settings, chain: ChainState) -> None:
    gated.tamper(
        settings,
        "INSERT INTO audit_entry SELECT seq + 1, at, actor, tag, subject, body, hash, hash"
        " FROM audit_entry ORDER BY seq DESC LIMIT 1",
    )
    assert verify(store).first_bad_seq == chain.entries + 1


def test_the_trail_cannot_be_rewritten_without_its_key(
    store: Store, settings: Settings, chain: ChainState
) -> None:
    store.close()
    (settings.keys / "audit.key").write_bytes(b"k" * 32)
    again = settings.open()
    assert again.read(audit.verify).first_bad_seq == 1
    again.close()


@pytest.mark.usefixtures("chain")
def test_the_cut_tail_is_seen_by_its_head(store: Store, settings: Settings) -> None:
    """Without an anchor outside the file a shorter chain is whole: the head tells them apart."""
    before = verify(store)
    gated.tamper(settings, "DELETE FROM audit_entry WHERE seq = (SELECT max(seq) FROM audit_entry)")
    after = verify(store)
    assert after.is_ok
    assert (after.head, after.entries) != (before.head, before.entries)


def test_a_fact_and_its_entry_are_one_transaction(store: Store, now: datetime) -> None:
    case = gated.case(store)
    before = verify(store).entries
    with pytest.raises(Exception, match="changed after"):
        store.transact(reviews.decide, case.approve(seen_digest="0" * 64), now=now)
    assert verify(store).entries == before

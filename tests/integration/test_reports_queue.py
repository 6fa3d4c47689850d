"""The queue's read model on a real store."""

from datetime import timedelta

import builders
import builders_aftermath as aftermath
from builders import NOW
from sqlmodel import Session

from store.engine import Store
from store.gate import AmountRule, PolicyBody
from store.reports.queue import queue_page, tiles
from store.reports.wanted import Wanted
from store.schema import Review
from store.transitions import ReviewKind, ReviewStatus, Verdict


def test_an_empty_queue_has_no_items_and_no_oldest(store: Store) -> None:
    page = store.read(queue_page, now=NOW)
    counts = store.read(tiles, now=NOW)
    assert (page.items, page.total, counts.waiting, counts.oldest_s) == ((), 0, 0, None)


def test_the_most_urgent_review_comes_first_and_age_makes_it_more_urgent(store: Store) -> None:
    policy = PolicyBody(amount_rules=(AmountRule(kind="refund", above_minor=10_000),))
    money = builders.refund(20_000)
    costly = store.transact(
        builders.case, confidence=0.9, action=money, policy=policy, at=NOW - timedelta(hours=1)
    )
    old = store.transact(builders.case, confidence=0.7, at=NOW - timedelta(hours=40))
    fresh = store.transact(builders.case, confidence=0.7, at=NOW)
    page = store.read(queue_page, now=NOW)
    assert [item.run_id for item in page.items] == [old.run_id, costly.run_id, fresh.run_id]
    shown = page.items[1]
    assert (shown.action_kind, shown.amount_minor, shown.currency) == ("refund", 20_000, "EUR")
    assert [reason.code for reason in shown.reasons] == ["refund_over_limit"]
    assert shown.age_s == 3600
    assert shown.urgency == shown.risk * 2


def test_pages_do_not_overlap_and_total_counts_every_match(store: Store) -> None:
    for _ in range(7):
        store.transact(builders.case)
    first = store.read(queue_page, now=NOW, limit=4)
    second = store.read(queue_page, now=NOW, limit=4, offset=4)
    assert (len(first.items), len(second.items), first.total, second.total) == (4, 3, 7, 7)
    assert not {item.review_id for item in first.items} & {i.review_id for i in second.items}


def test_search_looks_in_ticket_and_customer_and_takes_percent_literally(store: Store) -> None:
    wanted = store.transact(builders.case, text="My 100% wool jumper shrank", customer_id="C-77")
    store.transact(builders.case)
    for search in ("100%", "WOOL", "c-77"):
        page = store.read(queue_page, Wanted(search=search), now=NOW)
        assert [item.run_id for item in page.items] == [wanted.run_id]
    assert store.read(queue_page, Wanted(search="%"), now=NOW).total == 1
    assert store.read(queue_page, Wanted(search="no such words"), now=NOW).total == 0


def test_kinds_narrow_the_list_and_decided_reviews_leave_it(store: Store) -> None:
    decided = store.transact(builders.case)
    audit = store.transact(builders.case, confidence=0.95, is_audited=True)
    store.transact(aftermath.decide, decided.review_id)
    assert [i.run_id for i in store.read(queue_page, now=NOW).items] == [audit.run_id]
    assert store.read(queue_page, Wanted(kinds=[ReviewKind.ESCALATION]), now=NOW).total == 0
    assert store.read(queue_page, Wanted(kinds=[ReviewKind.AUDIT]), now=NOW).total == 1


def test_audit_items_give_away_neither_confidence_nor_verdict_nor_by_their_order(
    store: Store,
) -> None:
    for confidence in (0.99, 0.86):
        store.transact(builders.case, confidence=confidence, is_audited=True)
    sure, unsure = store.read(queue_page, now=NOW).items
    assert (sure.confidence, sure.threshold, sure.reasons) == (None, None, ())
    assert (sure.risk, sure.urgency) == (unsure.risk, unsure.urgency)
    assert sure.review_id < unsure.review_id


def test_a_claim_is_shown_until_it_runs_out(store: Store) -> None:
    built = store.transact(builders.case)

    def hold(session: Session) -> None:
        row = session.get_one(Review, built.review_id)
        row.status, row.claimed_by = ReviewStatus.CLAIMED, "Ben"
        row.claimed_until = NOW + timedelta(minutes=4)
        session.add(row)

    store.transact(hold)
    (held,) = store.read(queue_page, now=NOW).items
    (freed,) = store.read(queue_page, now=NOW + timedelta(minutes=5)).items
    assert (held.claimed_by, freed.claimed_by) == ("Ben", None)


def test_tiles_count_a_day_of_decisions_and_leave_undone_ones_out(store: Store) -> None:
    store.transact(builders.case, at=NOW - timedelta(hours=3))
    audit = store.transact(builders.case, confidence=0.95, is_audited=True)
    verdicts = [Verdict.APPROVE, Verdict.APPROVE, Verdict.EDIT, Verdict.REJECT]
    for verdict in verdicts:
        built = store.transact(builders.case)
        store.transact(aftermath.decide, built.review_id, verdict)
    store.transact(aftermath.decide, audit.review_id, Verdict.RIGHT)
    yesterday = store.transact(builders.case)
    store.transact(aftermath.decide, yesterday.review_id, at=NOW - timedelta(hours=25))
    undone = store.transact(builders.case)
    store.transact(aftermath.undo, store.transact(aftermath.decide, undone.review_id))
    counts = store.read(tiles, now=NOW)
    assert (counts.waiting, counts.waiting_audits, counts.oldest_s) == (1, 0, 3 * 3600)
    assert (counts.decided_24h, counts.audited_24h) == (4, 1)
    assert (counts.approved_unchanged, counts.edited, counts.rejected) == (2, 1, 1)

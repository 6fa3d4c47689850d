"""The demo company's own ledger: exactly once, whoever asks and however often."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.demo import effects, ledger, lookups
from agents.demo.ledger import Refused, Request
from agents.demo.world import StoryKind, World

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ANCHOR = date(2026, 11, 22)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(ledger.connect(ledger.path_in(tmp_path))) as connection:
        yield connection


@pytest.fixture
def world(db: sqlite3.Connection) -> World:
    return ledger.settle(db, seed=1, anchor=ANCHOR)


def order_of(world: World, kind: StoryKind) -> tuple[str, str, int]:
    story = next(story for story in world.stories if story.kind is kind)
    order = world.story_order(story)
    return story.customer_id, order.id, order.total_minor


def refund(db: sqlite3.Connection, key: str, **body: Any) -> dict[str, Any]:
    """Refund as if the order's state had just been looked at, unless the body says otherwise."""
    left = effects.refundable_minor(db, body["customer_id"], body["order_id"])
    body.setdefault("expected_refundable_minor", left)
    return ledger.exactly_once(
        db,
        Request(key, "issue_refund", body),
        now=NOW,
        effect=lambda: effects.issue_refund(db, now=NOW, **body),
    )


def test_the_world_is_made_once_and_then_kept(db: sqlite3.Connection, world: World) -> None:
    assert ledger.settle(db, seed=99, anchor=date(2030, 1, 1)) == world


def test_a_new_chapter_brings_new_customers(tmp_path: Path) -> None:
    first = ledger.settled_world(tmp_path, anchor=ANCHOR)
    second = next(ledger.new_chapters(tmp_path))
    assert second.chapter == 1
    assert not first.customers.keys() & second.customers.keys()


def test_the_same_key_is_the_same_receipt(db: sqlite3.Connection, world: World) -> None:
    customer, order, amount = order_of(world, StoryKind.DUPLICATE_SMALL)
    body = {"customer_id": customer, "order_id": order, "amount_minor": amount}
    body["expected_refundable_minor"] = effects.refundable_minor(db, customer, order)
    first = refund(db, "key-00001", **body)
    assert refund(db, "key-00001", **body) == first
    assert len(ledger.entries(db)) == 1
    assert lookups.find_charges(db, customer, "").duplicates == []


def test_the_same_key_for_something_else_is_refused(db: sqlite3.Connection, world: World) -> None:
    customer, order, amount = order_of(world, StoryKind.DUPLICATE_SMALL)
    refund(db, "key-00001", customer_id=customer, order_id=order, amount_minor=amount)
    with pytest.raises(Refused, match="used before"):
        refund(db, "key-00001", customer_id=customer, order_id=order, amount_minor=amount - 1)


def test_a_refund_of_another_state_than_expected_is_refused(
    db: sqlite3.Connection, world: World
) -> None:
    customer, order, amount = order_of(world, StoryKind.DUPLICATE_SMALL)
    body = {"customer_id": customer, "order_id": order, "amount_minor": amount}
    left = effects.refundable_minor(db, customer, order)
    refund(db, "key-00001", **body)
    with pytest.raises(Refused, match=r"that was expected\. Nothing was paid"):
        refund(db, "key-00002", **body, expected_refundable_minor=left)
    assert len(ledger.entries(db)) == 1


def reverse(db: sqlite3.Connection, key: str, refund_key: str) -> dict[str, Any]:
    return ledger.exactly_once(
        db,
        Request(key, "reverse_refund", {"refund_key": refund_key}),
        now=NOW,
        effect=lambda: effects.reverse_refund(db, refund_key=refund_key, now=NOW),
    )


def test_a_reversed_refund_can_be_paid_again(db: sqlite3.Connection, world: World) -> None:
    customer, order, amount = order_of(world, StoryKind.DUPLICATE_SMALL)
    body = {"customer_id": customer, "order_id": order, "amount_minor": amount}
    left = effects.refundable_minor(db, customer, order)
    issued = refund(db, "key-00001", **body)["details"]["refund_ids"]
    assert reverse(db, "key-00002", "key-00001")["details"]["reversed"] == issued
    assert effects.refundable_minor(db, customer, order) == left
    again = refund(db, "key-00003", **body)["details"]["refund_ids"]
    assert not set(again) & set(issued)
    assert ledger.totals(db) == {"entries": 3, "amount_minor": 2 * amount}


def test_reversing_what_never_happened_keeps_it_from_happening(
    db: sqlite3.Connection, world: World
) -> None:
    customer, order, amount = order_of(world, StoryKind.DUPLICATE_SMALL)
    assert reverse(db, "key-00002", "key-00001")["details"]["reversed"] == []
    with pytest.raises(Refused, match="used before"):
        refund(db, "key-00001", customer_id=customer, order_id=order, amount_minor=amount)
    assert ledger.receipt_of(db, "key-00001") is None
    assert ledger.totals(db)["entries"] == 1


def test_no_more_is_refunded_than_was_captured(db: sqlite3.Connection, world: World) -> None:
    customer, order, amount = order_of(world, StoryKind.DUPLICATE_SMALL)
    body = {"customer_id": customer, "order_id": order}
    with pytest.raises(Refused, match="more than"):
        refund(db, "key-00001", **body, amount_minor=2 * amount + 1)
    refund(db, "key-00002", **body, amount_minor=2 * amount)
    with pytest.raises(Refused, match="Nothing was paid"):
        refund(db, "key-00003", **body, amount_minor=1)


def test_a_refusal_leaves_no_trace_and_its_key_can_be_used(
    db: sqlite3.Connection, world: World
) -> None:
    customer, order, amount = order_of(world, StoryKind.DUPLICATE_SMALL)
    stranger, _, _ = order_of(world, StoryKind.DUPLICATE_LARGE)
    with pytest.raises(Refused, match="not an order of"):
        refund(db, "key-00001", customer_id=stranger, order_id=order, amount_minor=amount)
    assert ledger.entries(db) == []
    assert refund(db, "key-00001", customer_id=customer, order_id=order, amount_minor=amount)


def test_a_packed_order_is_neither_cancelled_nor_moved(
    db: sqlite3.Connection, world: World
) -> None:
    customer, order, _ = order_of(world, StoryKind.ON_ITS_WAY)
    with pytest.raises(Refused, match="no longer be cancelled"):
        effects.cancel_order(db, customer_id=customer, order_id=order)
    with pytest.raises(Refused, match="no longer be changed"):
        effects.change_address(
            db, customer_id=customer, order_id=order, address="Mill Lane 7, 4020 Linz"
        )


def test_cancelling_releases_what_was_set_aside(db: sqlite3.Connection, world: World) -> None:
    customer, order, amount = order_of(world, StoryKind.OPEN_ORDER)
    done = effects.cancel_order(db, customer_id=customer, order_id=order)
    assert done["released_minor"] == amount
    statuses = {c.status for c in lookups.find_charges(db, customer, "").charges
                if c.order_id == order}  # fmt: skip
    assert statuses == set()


def test_a_replacement_goes_out_once_per_order(db: sqlite3.Connection, world: World) -> None:
    customer, order, amount = order_of(world, StoryKind.LOST)
    body = {"customer_id": customer, "order_id": order, "amount_minor": amount}

    def replace(key: str) -> dict[str, Any]:
        return ledger.exactly_once(
            db,
            Request(key, "create_replacement", body),
            now=NOW,
            effect=lambda: effects.create_replacement(db, **body),  # type: ignore[arg-type]
        )

    replace("key-00001")
    with pytest.raises(Refused, match="already on its way"):
        replace("key-00002")


def test_a_membership_ends_at_its_term_and_only_once(db: sqlite3.Connection, world: World) -> None:
    story = next(story for story in world.stories if story.kind is StoryKind.MEMBER_ANNUAL)
    ends = effects.cancel_membership(db, customer_id=story.customer_id)["ends_on"]
    assert ends == world.memberships[story.customer_id].renews_on.isoformat()
    with pytest.raises(Refused, match="already ends"):
        effects.cancel_membership(db, customer_id=story.customer_id)


def test_an_answer_goes_to_the_recorded_address_only(db: sqlite3.Connection, world: World) -> None:
    person = next(iter(world.customers.values()))
    sent = effects.send_reply(db, ticket_id="t-1", customer_id=person.id, text="Hello")
    assert sent["sent_to"] == person.email
    with pytest.raises(Refused, match="no customer"):
        effects.send_reply(db, ticket_id="t-1", customer_id="C-0", text="Hello")


def test_a_ledger_entry_can_neither_change_nor_go(db: sqlite3.Connection, world: World) -> None:
    customer, order, amount = order_of(world, StoryKind.DUPLICATE_SMALL)
    refund(db, "key-00001", customer_id=customer, order_id=order, amount_minor=amount)
    for statement in ("UPDATE entry SET tool = 'x'", "DELETE FROM entry"):
        with pytest.raises(Exception, match="ledger entry"):  # the binding's own error type
            db.execute(statement)


def test_eight_connections_with_one_key_refund_once(tmp_path: Path) -> None:
    path = ledger.path_in(tmp_path)
    with closing(ledger.connect(path)) as first:
        customer, order, amount = order_of(
            ledger.settle(first, seed=1, anchor=ANCHOR), StoryKind.DUPLICATE_SMALL
        )
    receipts: list[str] = []
    gate = threading.Barrier(8)

    def ask() -> None:
        with closing(ledger.connect(path)) as mine:
            gate.wait()
            done = refund(
                mine, "key-00001", customer_id=customer, order_id=order, amount_minor=amount
            )
            receipts.append(done["receipt_id"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert receipts == ["RC-000001"] * 8


def test_processes_that_start_together_make_one_world(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from agents.demo import ledger;"
        f"print(len(ledger.settled_world(Path({str(tmp_path)!r})).customers))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    printed = [process.communicate(timeout=60)[0].strip() for process in started]
    with closing(ledger.connect(ledger.path_in(tmp_path))) as db:
        count = db.execute("SELECT count(*) FROM customer").fetchone()[0]
    assert printed == [str(count)] * 3

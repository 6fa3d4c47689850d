"""Our receipts against a service's own books: equal, explained by doubt, or named as different."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import gated
import pytest
import small_shop
import varied

from agents.cli import ledgers
from agents.company import Company
from agents.company.model import ToolServer
from store import deliveries, receipts
from store.engine import Store
from store.receipts import Span
from store.transitions import Verdict

BOOKS_SERVER = Path(__file__).with_name("books_server.py")


@pytest.fixture(autouse=True)
def shop(store: Store) -> None:
    varied.open_shop(store)
    gated.execute(store, "UPDATE tool SET key_field = 'key' WHERE name = 'send_reply'")


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A company whose one server answers with what `books.json` holds."""
    server = ToolServer(
        name="shop",
        command=["{python}", str(BOOKS_SERVER)],
        env={"BOOKS": str(tmp_path / "books.json")},
        read=["totals"],
        totals="totals",
    )
    return small_shop.company(tmp_path).model_copy(update={"servers": [server]})


def compared(store: Store, company: Company, books: Any) -> tuple[bool, str]:
    (company.folder / "books.json").write_text(json.dumps(books))
    ((name, is_ok, detail),) = ledgers.compare(store, company, company.folder)
    assert name == "shop"
    return is_ok, detail


def test_books_that_hold_what_our_receipts_say_agree(
    store: Store, company: Company, now: datetime
) -> None:
    assert compared(store, company, {"entries": 0, "amount_minor": 0})[0]
    gated.passed(store)
    varied.send_all(store, now)
    is_ok, detail = compared(store, company, {"entries": 2, "amount_minor": 4_250})
    assert is_ok
    assert "2 entries, 4250 minor units" in detail


@pytest.mark.parametrize(
    ("books", "words"),
    [
        ({"entries": 3, "amount_minor": 8_500}, "1 of its entries have no receipt here"),
        ({"entries": 1, "amount_minor": 0}, "1 of our receipts are not in its books"),
        ({"entries": 2, "amount_minor": 4_251}, "as many entries, and another sum"),
    ],
)
def test_a_difference_is_named_with_what_to_do(
    store: Store, company: Company, now: datetime, books: dict[str, int], words: str
) -> None:
    gated.passed(store)
    varied.send_all(store, now)
    is_ok, detail = compared(store, company, books)
    assert not is_ok
    assert words in detail
    assert "greenlight hold on" in detail


@pytest.mark.parametrize(
    "books",
    [{}, {"entries": "2", "amount_minor": 0}, {"entries": 1, "amount_minor": 0.5}, [1]],
)
def test_an_answer_of_another_shape_is_no_agreement(
    store: Store, company: Company, books: Any
) -> None:
    is_ok, detail = compared(store, company, books)
    assert not is_ok
    assert detail


def test_a_service_that_is_not_there_is_no_agreement(store: Store, company: Company) -> None:
    gone = company.servers[0].model_copy(update={"command": ["/no/such/server"]})
    ((_, is_ok, detail),) = ledgers.compare(
        store, company.model_copy(update={"servers": [gone]}), company.folder
    )
    assert not is_ok
    assert "Start the service" in detail


def test_books_may_begin_later_than_we_did(store: Store, company: Company, now: datetime) -> None:
    gated.passed(store)
    varied.send_all(store, now)
    gated.passed(store)
    varied.send_all(store, now + timedelta(hours=1))
    since = {"from": (now + timedelta(minutes=30)).isoformat()}
    assert compared(store, company, {"entries": 2, "amount_minor": 4_250, **since})[0]
    assert not compared(store, company, {"entries": 4, "amount_minor": 8_500, **since})[0]


def test_what_is_in_doubt_with_us_may_or_may_not_be_in_their_books(
    store: Store, now: datetime
) -> None:
    gated.passed(store)
    varied.lose(store, now)
    gated.passed(store)
    store.transact(deliveries.claim, "x", limit=1, lease_seconds=60, now=now)
    found = store.read(receipts.sums, "shop")
    assert (found.entries, found.gross_minor) == (Span(0, 2), Span(0, 8_500))


def test_a_reversal_is_read_both_ways(store: Store, now: datetime) -> None:
    case = gated.case(store)
    varied.decide(store, case.approve(), now)
    varied.send_all(store, now)
    varied.take_back(store, case, "Ana", now)
    varied.send_all(store, now)
    found = store.read(receipts.sums, "shop")
    assert found.entries == Span(3, 3)
    assert (found.gross_minor, found.net_minor) == (Span(8_500, 8_500), Span(0, 0))
    assert found.fit(3, 0)
    assert found.fit(3, 8_500)
    assert not found.fit(3, 4_250)


def test_what_was_taken_back_without_knowing_may_have_happened(store: Store, now: datetime) -> None:
    case = gated.passed(store)
    varied.lose(store, now)
    varied.decide(store, varied.on_what_waits(store, case, Verdict.REVERSE, "Ben", now), now)
    varied.send_all(store, now)
    found = store.read(receipts.sums, "shop")
    assert found.fit(2, 0), "it had happened, and was taken back"
    assert found.fit(0, 0), "it had not, and there was nothing to take back"
    assert not found.fit(3, 0)


def test_an_answer_that_proves_false_shows(store: Store, now: datetime) -> None:
    case = gated.passed(store)
    varied.lose(store, now)
    varied.decide(store, varied.on_what_waits(store, case, Verdict.SEND_AGAIN, "Ben", now), now)
    varied.send_all(store, now)
    found = store.read(receipts.sums, "shop")
    assert found.fit(2, 4_250)
    assert not found.fit(3, 8_500), "the first one had happened after all"


def test_other_servers_and_tools_that_only_read_do_not_count(store: Store, now: datetime) -> None:
    gated.passed(store)
    varied.send_all(store, now)
    assert store.read(receipts.sums, "elsewhere") == receipts.Sums()

"""The fault campaign's payment service: it fails as it is told, and its books stay right."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from bench.faults import books, world
from bench.faults.company import new_orders, write_company
from bench.faults.mishaps import Mishap, Mishaps, Rates, write_rates

from agents.company import facts, load
from agents.tools import Toolbox
from store.outputs import ToolCallRecord

pytestmark = pytest.mark.asyncio(loop_scope="module")

TESTS = Path(__file__).parents[1]
TOTAL = 10_000
NUMBERS = count()


class Service:
    """The service as a process on a port of its own, with its books and its rates at hand."""

    def __init__(self, folder: Path) -> None:
        self.ledger, self.rates = folder / "books.db", folder / "rates.json"
        self.db = books.connect(self.ledger)
        self.port = 0
        self.start()

    def start(self) -> None:
        files = ["--ledger", str(self.ledger), "--rates", str(self.rates)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.faults.service", *files, "--port", str(self.port)],
            env=os.environ | {"PYTHONPATH": str(TESTS)},
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def go_wrong(self, **rates: Any) -> None:
        write_rates(self.rates, Rates(hang_seconds=0.8, **rates))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("payments"))
    yield running
    running.kill()
    running.db.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box(service: Service, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Toolbox]:
    url = f"http://127.0.0.1:{service.port}/mcp"
    company = load(write_company(tmp_path_factory.mktemp("company"), url, timeout_seconds=0.5))
    server = company.servers[0]
    tools = dict.fromkeys([*server.read, *(tool.name for tool in server.write)], server)
    async with Toolbox(tools, folder=company.folder, home=company.folder, has_effects=True) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(service: Service) -> None:
    service.go_wrong()


@pytest.fixture
def order(service: Service) -> str:
    """An order of C-1, untouched and over 100.00."""
    name = f"PX-{next(NUMBERS):06d}"
    world.add_orders(service.db, [(name, "C-1", TOTAL)])
    return name


def refund(order: str, **changes: Any) -> dict[str, Any]:
    given = {
        "customer_id": "C-1",
        "order_id": order,
        "amount_minor": 4_000,
        "expected_version": 1,
        "idempotency_key": f"key-of-{order}",
    }
    return given | changes


def done(db: sqlite3.Connection, order: str) -> list[dict[str, Any]]:
    return [one for one in books.effects(db) if one["order_id"] == order]


def state(service: Service, order: str) -> tuple[int, int]:
    found = books.order_state(service.db, order)
    assert found is not None
    return found["version"], found["refundable_minor"]


async def found(box: Toolbox, key: str) -> Any:
    return (await box.call("find_effect", {"idempotency_key": key})).result


async def test_a_refund_is_paid_once_per_key_whatever_its_own_effect_did_to_the_version(
    service: Service, box: Toolbox, order: str
) -> None:
    first, again = [await box.call("issue_refund", refund(order)) for _ in range(2)]
    assert (first.status, first.result["amount_minor"]) == ("ok", 4_000)
    assert again.result == first.result
    assert [one["receipt"] for one in done(service.db, order)] == [first.result]
    seen = await box.call("order_state", {"customer_id": "C-1", "order_id": order})
    assert (seen.result["version"], seen.result["refundable_minor"]) == (2, 6_000)
    assert await found(box, f"key-of-{order}") == {"found": True, "receipt": first.result}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expected_version": 7}, "REFUSED: changed"),
        ({"amount_minor": TOTAL + 1}, "REFUSED: only 10000"),
        ({"customer_id": "C-2"}, "REFUSED: that is not an order of this customer"),
    ],
)
async def test_a_refusal_does_nothing_and_stays_under_its_key(
    service: Service, box: Toolbox, order: str, changes: dict[str, Any], words: str
) -> None:
    records = [await box.call("issue_refund", refund(order, **changes)) for _ in range(2)]
    for record in records:
        assert (record.error_class, record.was_sent) == ("tool_error", True)
        assert (record.said or "").startswith(words)
    assert (done(service.db, order), state(service, order)) == ([], (1, TOTAL))
    assert await found(box, f"key-of-{order}") == {"found": False, "receipt": None}


async def test_another_body_under_a_key_is_refused(
    service: Service, box: Toolbox, order: str
) -> None:
    assert (await box.call("issue_refund", refund(order))).status == "ok"
    record = await box.call("issue_refund", refund(order, amount_minor=1))
    assert "REFUSED: the key" in (record.said or "")
    assert len(done(service.db, order)) == 1


@pytest.mark.parametrize(
    ("mishap", "error_class", "effects", "then"),
    [
        (Mishap.DROP, "server_died", 1, "receipt"),
        (Mishap.FAIL_BEFORE, "tool_error", 0, "receipt"),
        (Mishap.FAIL_AFTER, "tool_error", 1, "receipt"),
        (Mishap.KEEP_FAILURE_BEFORE, "tool_error", 0, "failure"),
        (Mishap.KEEP_FAILURE_AFTER, "tool_error", 1, "failure"),
        (Mishap.THROTTLE, "tool_error", 0, "receipt"),
        (Mishap.HANG, "timeout", 0, "receipt"),
        (Mishap.HANG_THEN_DO, "timeout", 0, "receipt"),
    ],
)
async def test_each_mishap_does_what_it_says(
    service: Service,
    box: Toolbox,
    order: str,
    mishap: Mishap,
    error_class: str,
    effects: int,
    then: str,
) -> None:
    service.go_wrong(**{mishap.value: 1.0})
    record = await box.call("issue_refund", refund(order))
    assert (record.status, record.error_class, record.was_sent) == ("error", error_class, True)
    assert not (record.said or "").startswith("REFUSED")
    assert len(done(service.db, order)) == effects
    service.go_wrong()
    again = [await box.call("issue_refund", refund(order)) for _ in range(3)]
    if then == "receipt":
        assert {one.status for one in again} == {"ok"}
        assert len(done(service.db, order)) == 1
    else:
        assert {one.said for one in again} == {"ERROR: the payment failed"}
        assert len(done(service.db, order)) == effects
        assert (await found(box, f"key-of-{order}"))["found"] is bool(effects)


async def test_a_call_that_hangs_may_be_carried_out_long_after_its_caller_gave_up(
    service: Service, box: Toolbox, order: str
) -> None:
    service.go_wrong(hang_then_do=1.0)
    assert (await box.call("issue_refund", refund(order))).error_class == "timeout"
    assert not (await found(box, f"key-of-{order}"))["found"]
    async with asyncio.timeout(20):
        while not (await found(box, f"key-of-{order}"))["found"]:
            pass
    assert len(done(service.db, order)) == 1


async def test_a_forgotten_key_acts_again_and_the_books_show_it(
    service: Service, box: Toolbox, order: str
) -> None:
    service.go_wrong(forget_seconds=0.0)
    assert (await box.call("issue_refund", refund(order))).status == "ok"
    moved = await box.call("issue_refund", refund(order))
    assert (moved.said or "").startswith("REFUSED: changed")  # its own first effect moved it
    reply = {"ticket_id": "T-1", "customer_id": "C-1", "text": "Hi", "idempotency_key": order * 2}
    for _ in range(2):
        assert (await box.call("send_reply", reply)).status == "ok"
    assert books.doubled(service.db) == [order * 2]
    service.db.execute("DELETE FROM effect WHERE idempotency_key = ?", (order * 2,))


async def test_a_letter_has_no_key_and_each_call_posts_another(
    service: Service, box: Toolbox, order: str
) -> None:
    letter = {"customer_id": "C-1", "order_id": order}
    service.go_wrong(drop=1.0)
    assert (await box.call("send_letter", letter)).error_class == "server_died"
    service.go_wrong(keep_failure_after=1.0)
    assert (await box.call("send_letter", letter)).error_class == "tool_error"
    assert len(done(service.db, order)) == 2


async def test_a_reversal_takes_back_once_by_id_and_by_key(
    service: Service, box: Toolbox, order: str
) -> None:
    receipt = (await box.call("issue_refund", refund(order))).result
    back = {"customer_id": "C-1", "order_id": order, "amount_minor": 4_000}
    subjects = [receipt["refund_id"], f"key-of-{order}", receipt["refund_id"]]
    records = [
        await box.call(
            "reverse_refund", back | {"refund_id": subject, "idempotency_key": f"back-{order}-{at}"}
        )
        for at, subject in enumerate(subjects)
    ]
    assert {record.result["reversed"] for record in records} == {True}
    assert len({record.result["receipt_id"] for record in records}) == 1
    assert [one["amount_minor"] for one in done(service.db, order)] == [4_000, -4_000]
    assert state(service, order) == (3, TOTAL)


async def test_reversing_what_never_happened_says_so_and_keeps_it_from_happening_late(
    service: Service, box: Toolbox, order: str
) -> None:
    service.go_wrong(hang_then_do=1.0)
    assert (await box.call("issue_refund", refund(order))).error_class == "timeout"
    service.go_wrong()
    back = {
        "customer_id": "C-1",
        "order_id": order,
        "amount_minor": 4_000,
        "refund_id": f"key-of-{order}",
        "idempotency_key": f"back-{order}",
    }
    record = await box.call("reverse_refund", back)
    assert (record.result["reversed"], record.result["amount_minor"]) == (False, 0)
    late = await box.call("issue_refund", refund(order))
    assert late.said == "REFUSED: it was reversed before it happened"
    assert [one["amount_minor"] for one in done(service.db, order)] == [0]


async def test_a_world_that_others_move_refuses_what_was_decided_before(
    service: Service, box: Toolbox, order: str
) -> None:
    world.change_order(service.db, order)
    assert "changed" in ((await box.call("issue_refund", refund(order))).said or "")
    assert world.refund_elsewhere(service.db, order) == TOTAL
    args = refund(order, expected_version=3, idempotency_key=f"new-{order}")
    assert "only 0" in ((await box.call("issue_refund", args)).said or "")
    assert order not in books.unbalanced(service.db)


async def test_reads_can_be_throttled(service: Service, box: Toolbox, order: str) -> None:
    service.go_wrong(read_throttle=1.0)
    seen = await box.call("order_state", {"customer_id": "C-1", "order_id": order})
    assert seen.said == "ERROR: too many requests"


async def test_what_was_acknowledged_outlives_a_killed_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.tools.session.FIRST_PAUSE_SECONDS", 0.0)
    own = Service(tmp_path)
    world.add_orders(own.db, [("PX-000001", "C-1", TOTAL)])
    company = load(write_company(tmp_path / "company", f"http://127.0.0.1:{own.port}/mcp"))
    async with Toolbox.write(company, home=tmp_path) as box:
        first = await box.call("issue_refund", refund("PX-000001"))
        own.kill()
        assert (await box.call("issue_refund", refund("PX-000001"))).was_sent is False
        own.start()
        assert (await box.call("issue_refund", refund("PX-000001"))).result == first.result
    own.kill()
    own.db.close()


async def settle(box: Toolbox, order: str, customer: str, seen: Counter[str]) -> ToolCallRecord:
    """Ask for a refund under one key until there is an answer that is certain."""
    args = refund(order, customer_id=customer, amount_minor=100)
    while True:
        record = await box.call("issue_refund", args)
        if record.status == "ok" or (record.said or "").startswith("REFUSED"):
            return record
        seen[record.error_class or ""] += 1


async def test_many_calls_through_every_mishap_leave_one_effect_for_each_key(
    service: Service, box: Toolbox
) -> None:
    orders = [
        (f"PY-{name[3:]}", customer, total)
        for name, customer, total in new_orders(200, customers=20, seed=5)
    ]
    world.add_orders(service.db, orders)
    service.go_wrong(
        drop=0.1, fail_before=0.1, fail_after=0.1, throttle=0.1, hang=0.03, hang_then_do=0.03
    )
    seen: Counter[str] = Counter()
    records = await asyncio.gather(
        *(settle(box, name, customer, seen) for name, customer, _ in orders)
    )
    assert {record.status for record in records} == {"ok"}
    assert min(seen["server_died"], seen["tool_error"], seen["timeout"]) > 0
    ours = {name for name, _, _ in orders}  # an earlier test's call may still be hanging
    booked = [one for one in books.effects(service.db) if one["order_id"] in ours]
    assert sorted(one["order_id"] for one in booked) == sorted(ours)
    assert {one["body"]["amount_minor"] for one in booked} == {100}
    assert (await box.call("ledger_totals", {})).result == books.totals(service.db)
    assert (books.doubled(service.db), books.unbalanced(service.db)) == ([], [])


async def test_the_campaigns_company_offers_every_tool_it_lists(
    service: Service, tmp_path: Path
) -> None:
    company = load(write_company(tmp_path, f"http://127.0.0.1:{service.port}/mcp"))
    async with (
        Toolbox.read_only(company, home=tmp_path) as reading,
        Toolbox.write(company, home=tmp_path) as writing,
    ):
        known = facts(company, reading.schemas() | writing.schemas())
    assert {tool.name for tool in known.tools if tool.is_write} == {
        "issue_refund",
        "reverse_refund",
        "send_letter",
        "send_reply",
    }


async def test_mishaps_depend_on_seed_and_request_alone_and_come_as_often_as_asked() -> None:
    rates = Rates(drop=0.2, throttle=0.1, seed=3)
    requests = [f"request-{number}" for number in range(4_000)]
    in_order = Mishaps(None, rates)
    drawn = {request: in_order.draw(request) for request in requests}
    shuffled = requests.copy()
    Random(1).shuffle(shuffled)
    together = Mishaps(None, rates)
    assert {request: together.draw(request) for request in shuffled} == drawn
    counts = Counter(drawn.values())
    assert abs(counts[Mishap.DROP] - 800) < 120
    assert abs(counts[Mishap.THROTTLE] - 400) < 90
    assert together.drawn == {"drop": counts[Mishap.DROP], "throttle": counts[Mishap.THROTTLE]}
    with pytest.raises(ValueError, match="over 1"):
        Rates(drop=0.7, hang=0.6)

"""Telling true duplicates from charges that only look like them."""

from agents.demo.charges import explain
from agents.demo.facts import ChargeLine, ChargesFound


def line(
    number: int,
    day: str,
    *,
    order: str | None = "LO-1",
    status: str = "captured",
    amount: int = 4_200,
    purpose: str = "order",
) -> ChargeLine:
    return ChargeLine(
        charge_id=f"CH-{number}",
        order_id=order,
        purpose=purpose,
        status=status,
        amount_minor=amount,
        made_on=day,
        drops_off_on="2026-05-10" if status == "authorised" else None,
    )


def found(
    *lines: ChargeLine, month: str | None = None, refunded: tuple[str, ...] = ()
) -> ChargesFound:
    return explain("C-1", month, lines, refunded)


def test_one_order_captured_twice_is_a_duplicate() -> None:
    facts = found(line(1, "2026-05-03"), line(2, "2026-05-04"))
    assert [d.charge_id for d in facts.duplicates] == ["CH-2"]
    assert facts.possible_duplicates == []


def test_a_refunded_duplicate_is_no_longer_open() -> None:
    facts = found(line(1, "2026-05-03"), line(2, "2026-05-03"), refunded=("CH-2",))
    assert facts.duplicates == []
    assert [d.charge_id for d in facts.already_refunded] == ["CH-2"]


def test_an_authorisation_beside_the_capture_is_only_a_hold() -> None:
    facts = found(line(1, "2026-05-03", status="authorised"), line(2, "2026-05-03"))
    assert facts.duplicates == []
    assert facts.holds[0].drops_off_on == "2026-05-10"


def test_an_authorisation_alone_is_how_every_order_begins() -> None:
    assert found(line(1, "2026-05-03", status="authorised")).holds == []


def test_two_orders_of_one_amount_are_not_called_a_duplicate() -> None:
    facts = found(line(1, "2026-05-03"), line(2, "2026-05-04", order="LO-2"))
    assert facts.duplicates == []
    assert facts.possible_duplicates[0].why == "different_orders"
    assert facts.possible_duplicates[0].order_ids == ["LO-1", "LO-2"]


def test_two_orders_weeks_apart_are_not_even_suspicious() -> None:
    facts = found(line(1, "2026-05-03"), line(2, "2026-05-24", order="LO-2"))
    assert facts.possible_duplicates == []


def test_a_pending_charge_beside_the_capture_is_undecided() -> None:
    facts = found(line(1, "2026-05-03"), line(2, "2026-05-03", status="pending"))
    assert facts.duplicates == []
    assert facts.possible_duplicates[0].why == "still_pending"


def test_two_captures_of_different_amounts_are_no_duplicate() -> None:
    facts = found(line(1, "2026-05-03"), line(2, "2026-05-03", amount=490))
    assert facts.duplicates == []


def test_a_monthly_fee_before_an_annual_one_is_a_switch_of_plan() -> None:
    fees = (
        line(1, "2026-05-01", order=None, amount=490, purpose="monthly_fee"),
        line(2, "2026-05-04", order=None, amount=4_900, purpose="annual_fee"),
    )
    assert found(*fees).fee_pairs[0].annual_minor == 4_900
    assert found(*fees[1:]).fee_pairs == []


def test_a_month_keeps_what_touches_it() -> None:
    lines = (line(1, "2026-04-30"), line(2, "2026-05-01"))
    assert len(found(*lines, month="2026-05").duplicates) == 1
    assert len(found(*lines, month="2026-05").charges) == 1
    assert found(*lines, month="2026-06").duplicates == []

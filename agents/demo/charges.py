"""Tells true duplicates from charges that only look like them. Pure: lines in, meaning out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import combinations, pairwise

from agents.demo.facts import (
    ChargeLine,
    ChargesFound,
    Duplicate,
    FeePair,
    Hold,
    PossibleDuplicate,
)

_SAME_PURCHASE_DAYS = 3
_PLAN_SWITCH_DAYS = 35


def explain(
    customer_id: str, month: str | None, lines: Sequence[ChargeLine], refunded: Iterable[str]
) -> ChargesFound:
    """Sort a customer's charges, oldest first, into what they mean.

    `month` ("2026-05") keeps what touches that month. `refunded` names charges paid back already.
    """
    paid_back = set(refunded)
    by_order: dict[str, list[ChargeLine]] = defaultdict(list)
    for line in lines:
        if line.order_id is not None:
            by_order[line.order_id].append(line)
    doubled = [d for group in by_order.values() for d in _duplicates(group)]
    doubled = [d for d in doubled if _touches(month, d.first_on, d.second_on)]
    possible = [*_different_orders(by_order), *_still_pending(by_order)]
    return ChargesFound(
        customer_id=customer_id,
        month=month,
        charges=[line for line in lines if _touches(month, line.made_on)],
        duplicates=[d for d in doubled if d.charge_id not in paid_back],
        already_refunded=[d for d in doubled if d.charge_id in paid_back],
        possible_duplicates=[p for p in possible if _touches(month, p.first_on, p.second_on)],
        holds=[h for group in by_order.values() for h in _holds(group)
               if _touches(month, h.made_on)],
        fee_pairs=[f for f in _fee_pairs(lines) if _touches(month, f.monthly_on, f.annual_on)],
    )  # fmt: skip


def _touches(month: str | None, *days: str) -> bool:
    return month is None or any(day.startswith(month) for day in days)


def _with_status(lines: Iterable[ChargeLine], status: str) -> list[ChargeLine]:
    return [line for line in lines if line.status == status]


def _duplicates(group: Sequence[ChargeLine]) -> Iterator[Duplicate]:
    for first, second in pairwise(_with_status(group, "captured")):
        if first.amount_minor == second.amount_minor:
            yield Duplicate(
                order_id=second.order_id or "",
                charge_id=second.charge_id,
                amount_minor=second.amount_minor,
                first_on=first.made_on,
                second_on=second.made_on,
            )


def _holds(group: Sequence[ChargeLine]) -> Iterator[Hold]:
    captured = {line.amount_minor for line in _with_status(group, "captured")}
    for line in _with_status(group, "authorised"):
        if line.amount_minor in captured:
            yield Hold(
                order_id=line.order_id or "",
                amount_minor=line.amount_minor,
                made_on=line.made_on,
                drops_off_on=line.drops_off_on or line.made_on,
            )


def _still_pending(by_order: dict[str, list[ChargeLine]]) -> Iterator[PossibleDuplicate]:
    for order_id, group in by_order.items():
        for pending in _with_status(group, "pending"):
            for captured in _with_status(group, "captured"):
                if captured.amount_minor == pending.amount_minor:
                    yield _possible("still_pending", captured, pending, [order_id])


def _different_orders(by_order: dict[str, list[ChargeLine]]) -> Iterator[PossibleDuplicate]:
    first_charges = [
        captured[0] for group in by_order.values() if (captured := _with_status(group, "captured"))
    ]
    for first, second in combinations(first_charges, 2):
        is_near = _days_between(first, second) <= _SAME_PURCHASE_DAYS
        if is_near and first.amount_minor == second.amount_minor:
            order_ids = [first.order_id or "", second.order_id or ""]
            yield _possible("different_orders", first, second, order_ids)


def _possible(
    why: str, first: ChargeLine, second: ChargeLine, order_ids: list[str]
) -> PossibleDuplicate:
    return PossibleDuplicate(
        why=why,
        amount_minor=first.amount_minor,
        first_on=first.made_on,
        second_on=second.made_on,
        order_ids=order_ids,
    )


def _fee_pairs(lines: Sequence[ChargeLine]) -> Iterator[FeePair]:
    monthly = [line for line in lines if line.purpose == "monthly_fee"]
    for annual in (line for line in lines if line.purpose == "annual_fee"):
        near = [m for m in monthly if _days_between(m, annual) <= _PLAN_SWITCH_DAYS]
        if near:
            yield FeePair(
                monthly_minor=near[-1].amount_minor,
                monthly_on=near[-1].made_on,
                annual_minor=annual.amount_minor,
                annual_on=annual.made_on,
            )


def _days_between(first: ChargeLine, second: ChargeLine) -> int:
    return abs((date.fromisoformat(second.made_on) - date.fromisoformat(first.made_on)).days)

"""The stories of a chapter: who was charged twice, whose parcel is lost, and everybody else.

Each story leaves exactly the facts that the tools will later report, so the truth of a ticket is
known. The first customers of chapter 0 are the showcase: their money trouble happened in May.
"""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from agents.demo.cast import Cast
from agents.demo.catalogue import PRODUCTS
from agents.demo.world import (
    ANNUAL_FEE_MINOR,
    HOLD_DAYS,
    MONTHLY_FEE_MINOR,
    Customer,
    Membership,
    Story,
    StoryKind,
    World,
)

QUOTAS: dict[StoryKind, int] = {
    StoryKind.DUPLICATE_SMALL: 130,
    StoryKind.DUPLICATE_LARGE: 40,
    StoryKind.HOLD: 44,
    StoryKind.TWO_ORDERS: 22,
    StoryKind.PENDING_BESIDE: 16,
    StoryKind.ANNUAL_AND_MONTHLY: 36,
    StoryKind.CHARGED_ONCE: 16,
    StoryKind.OPEN_ORDER: 230,
    StoryKind.TWO_OPEN: 20,
    StoryKind.ON_ITS_WAY: 70,
    StoryKind.LATE: 40,
    StoryKind.LOST: 84,
    StoryKind.DELIVERED: 250,
    StoryKind.DELIVERED_MANY: 24,
    StoryKind.OLD_ORDER: 50,
    StoryKind.MEMBER_ANNUAL: 70,
    StoryKind.MEMBER_MONTHLY: 60,
    StoryKind.REFUND_PROCESSING: 34,
    StoryKind.REFUND_DONE: 34,
}

SHOWCASE: tuple[StoryKind, ...] = (
    StoryKind.TWO_ORDERS,
    StoryKind.DUPLICATE_SMALL,
    StoryKind.DUPLICATE_LARGE,
    StoryKind.HOLD,
    StoryKind.ANNUAL_AND_MONTHLY,
    StoryKind.PENDING_BESIDE,
)

_SPREAD_DAYS = 44  # stories begin on any of the days before the anchor
_DAY = timedelta(days=1)

Setting = Callable[[Cast, Customer, date], str | None]  # leaves the facts, returns the order


def build(seed: int, anchor: date, chapter: int = 0) -> World:
    """Return the chapter's world; equal arguments give an equal world."""
    world = World(seed=seed, anchor=anchor, chapter=chapter)
    cast = Cast(world, Random(f"{seed}:{anchor.isoformat()}:{chapter}"))  # noqa: S311
    if chapter == 0:
        for kind in SHOWCASE:
            _tell(cast, kind, _last_may(anchor) + 3 * _DAY, is_showcase=True)
    kinds = [kind for kind, count in QUOTAS.items() for _ in range(count)]
    cast.rng.shuffle(kinds)
    for kind in kinds:
        _tell(cast, kind, anchor - _DAY * cast.rng.randint(1, _SPREAD_DAYS))
    return world


def _last_may(anchor: date) -> date:
    """The first of the latest May that is over: what "in May" means when somebody asks today."""
    return date(anchor.year if anchor >= date(anchor.year, 6, 1) else anchor.year - 1, 5, 1)


def _tell(cast: Cast, kind: StoryKind, on: date, *, is_showcase: bool = False) -> None:
    customer = cast.customer()
    for _ in range(cast.rng.randint(0, 2)):
        cast.delivered(customer, cast.world.anchor - _DAY * cast.rng.randint(240, 390))
    order_id = _SETTINGS[kind](cast, customer, on)
    cast.world.stories.append(Story(kind, customer.id, on, order_id, is_showcase))


def _duplicate(cast: Cast, customer: Customer, on: date, *, is_large: bool) -> str:
    products = (cast.large_product(),) if is_large else None
    order = cast.order(customer, on - _DAY, "delivered", products=products)
    gap = cast.rng.choice((timedelta(minutes=cast.rng.randint(1, 9)), timedelta(hours=19)))
    cast.charge(order, order.placed_at)
    cast.charge(order, order.placed_at + gap)
    cast.arrived(order)
    return order.id


def _duplicate_small(cast: Cast, customer: Customer, on: date) -> str:
    return _duplicate(cast, customer, on, is_large=False)


def _duplicate_large(cast: Cast, customer: Customer, on: date) -> str:
    return _duplicate(cast, customer, on, is_large=True)


def _hold(cast: Cast, customer: Customer, on: date) -> str:
    order = cast.order(customer, on - _DAY, "delivered")
    first_try = order.placed_at - timedelta(minutes=cast.rng.randint(1, 6))
    drops_off_on = first_try.date() + timedelta(days=HOLD_DAYS)
    cast.charge(order, first_try, "authorised", drops_off_on=drops_off_on)
    cast.charge(order, order.placed_at)
    cast.arrived(order)
    return order.id


def _two_orders(cast: Cast, customer: Customer, on: date) -> str:
    product = PRODUCTS[0]
    if product.price_minor in cast.used_amounts.get(customer.id, set()):
        product = next(p for p in PRODUCTS if p.price_minor not in cast.used_amounts[customer.id])
    orders = [
        cast.order(customer, day, "delivered", products=(product,)) for day in (on - _DAY, on)
    ]
    for order in orders:
        cast.charge(order, order.placed_at)
        cast.arrived(order)
    return orders[0].id


def _pending_beside(cast: Cast, customer: Customer, on: date) -> str:
    order = cast.order(customer, on - _DAY, "delivered")
    cast.charge(order, order.placed_at)
    cast.charge(order, order.placed_at + timedelta(minutes=cast.rng.randint(2, 40)), "pending")
    cast.arrived(order)
    return order.id


def _charged_once(cast: Cast, customer: Customer, on: date) -> str:
    return cast.delivered(customer, on - _DAY).id


def _annual_and_monthly(cast: Cast, customer: Customer, on: date) -> None:
    cast.fee(customer, "monthly_fee", MONTHLY_FEE_MINOR, on - 3 * _DAY)
    cast.fee(customer, "annual_fee", ANNUAL_FEE_MINOR, on)
    _join(cast, customer, "annual", started=on)


def _open_order(cast: Cast, customer: Customer, on: date) -> str:
    order = cast.order(customer, on, "processing")
    cast.charge(order, order.placed_at, "authorised", drops_off_on=on + timedelta(days=HOLD_DAYS))
    return order.id


def _two_open(cast: Cast, customer: Customer, on: date) -> str:
    _open_order(cast, customer, on)
    return _open_order(cast, customer, on)


def _sent(cast: Cast, customer: Customer, on: date, status: str, days_ago: int) -> str:
    order = cast.order(customer, on - _DAY * (days_ago + 1), "shipped")
    cast.charge(order, order.placed_at + _DAY)
    cast.shipment(order, status, sent_on=on - _DAY * days_ago, promised_in=4)
    return order.id


def _on_its_way(cast: Cast, customer: Customer, on: date) -> str:
    return _sent(cast, customer, on, "in_transit", 1)


def _late(cast: Cast, customer: Customer, on: date) -> str:
    return _sent(cast, customer, on, "late", cast.rng.randint(6, 9))


def _lost(cast: Cast, customer: Customer, on: date) -> str:
    return _sent(cast, customer, on, "lost", cast.rng.randint(12, 18))


def _delivered(cast: Cast, customer: Customer, on: date) -> str:
    return cast.delivered(customer, on - 4 * _DAY).id


def _delivered_many(cast: Cast, customer: Customer, on: date) -> str:
    products = cast.rng.sample(PRODUCTS, 3)
    return cast.delivered(customer, on - 4 * _DAY, products=products).id


def _old_order(cast: Cast, customer: Customer, on: date) -> str:
    return cast.delivered(customer, on - _DAY * cast.rng.randint(120, 200)).id


def _join(cast: Cast, customer: Customer, plan: str, *, started: date) -> None:
    is_annual = plan == "annual"
    cast.world.memberships[customer.id] = Membership(
        customer_id=customer.id,
        plan=plan,
        status="active",
        started_on=started,
        renews_on=started + timedelta(days=365 if is_annual else 30),
        fee_minor=ANNUAL_FEE_MINOR if is_annual else MONTHLY_FEE_MINOR,
    )


def _member_annual(cast: Cast, customer: Customer, on: date) -> None:
    started = on - _DAY * cast.rng.randint(30, 250)
    cast.fee(customer, "annual_fee", ANNUAL_FEE_MINOR, started)
    _join(cast, customer, "annual", started=started)


def _member_monthly(cast: Cast, customer: Customer, on: date) -> None:
    cast.fee(customer, "monthly_fee", MONTHLY_FEE_MINOR, on)
    _join(cast, customer, "monthly", started=on)


def _refunded(cast: Cast, customer: Customer, on: date, status: str, days_ago: int) -> str:
    order = cast.delivered(customer, on - _DAY * (days_ago + 12))
    charge = next(c for c in reversed(cast.world.charges.values()) if c.order_id == order.id)
    cast.refund(charge, status, on - _DAY * days_ago)
    return order.id


def _refund_processing(cast: Cast, customer: Customer, on: date) -> str:
    return _refunded(cast, customer, on, "processing", 2)


def _refund_done(cast: Cast, customer: Customer, on: date) -> str:
    return _refunded(cast, customer, on, "completed", 9)


_SETTINGS: dict[StoryKind, Setting] = {
    StoryKind.DUPLICATE_SMALL: _duplicate_small,
    StoryKind.DUPLICATE_LARGE: _duplicate_large,
    StoryKind.HOLD: _hold,
    StoryKind.TWO_ORDERS: _two_orders,
    StoryKind.PENDING_BESIDE: _pending_beside,
    StoryKind.ANNUAL_AND_MONTHLY: _annual_and_monthly,
    StoryKind.CHARGED_ONCE: _charged_once,
    StoryKind.OPEN_ORDER: _open_order,
    StoryKind.TWO_OPEN: _two_open,
    StoryKind.ON_ITS_WAY: _on_its_way,
    StoryKind.LATE: _late,
    StoryKind.LOST: _lost,
    StoryKind.DELIVERED: _delivered,
    StoryKind.DELIVERED_MANY: _delivered_many,
    StoryKind.OLD_ORDER: _old_order,
    StoryKind.MEMBER_ANNUAL: _member_annual,
    StoryKind.MEMBER_MONTHLY: _member_monthly,
    StoryKind.REFUND_PROCESSING: _refund_processing,
    StoryKind.REFUND_DONE: _refund_done,
}

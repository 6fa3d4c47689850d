"""The demo company's world: customers, orders, charges, parcels, and the story each one is in.

Pure and deterministic: the same seed, anchor and chapter give the same world, so the tool server
and the ticket generator agree without talking. A chapter is one cast of customers; a demo that has
used up its stories goes on with the next chapter.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

CURRENCY = "EUR"
ANNUAL_FEE_MINOR = 4_900
MONTHLY_FEE_MINOR = 490
RETURN_DAYS = 60
WARRANTY_DAYS = 730
HOLD_DAYS = 7


class StoryKind(StrEnum):
    """What is going on in one customer's data; the truth behind the tickets about it."""

    DUPLICATE_SMALL = "duplicate_small"  # one order captured twice, at most 100.00
    DUPLICATE_LARGE = "duplicate_large"  # one order captured twice, above 100.00
    HOLD = "hold"  # captured once; the other line is an authorisation that drops off
    TWO_ORDERS = "two_orders"  # same amount, two orders: by mistake or on purpose?
    PENDING_BESIDE = "pending_beside"  # captured and pending: nobody knows yet
    ANNUAL_AND_MONTHLY = "annual_and_monthly"  # plan switched, both fees are due
    CHARGED_ONCE = "charged_once"  # nothing wrong on our side
    OPEN_ORDER = "open_order"  # not packed yet: can be cancelled or sent elsewhere
    TWO_OPEN = "two_open"  # two such orders: which one is meant?
    ON_ITS_WAY = "on_its_way"  # with the carrier, on time
    LATE = "late"  # with the carrier, past the promised day
    LOST = "lost"  # the carrier has declared it lost
    DELIVERED = "delivered"  # one item, inside the return window
    DELIVERED_MANY = "delivered_many"  # several items, inside the return window
    OLD_ORDER = "old_order"  # outside the return window, inside the warranty
    MEMBER_ANNUAL = "member_annual"
    MEMBER_MONTHLY = "member_monthly"
    REFUND_PROCESSING = "refund_processing"  # issued, not yet at the bank
    REFUND_DONE = "refund_done"  # arrived according to the processor


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str
    email: str
    address: str
    joined_on: date

    @property
    def first_name(self) -> str:
        return self.name.split(" ", 1)[0]


@dataclass(frozen=True, slots=True)
class Item:
    sku: str
    name: str
    quantity: int
    price_minor: int


@dataclass(frozen=True, slots=True)
class Order:
    id: str
    customer_id: str
    placed_at: datetime
    status: str  # processing, shipped, delivered, cancelled
    items: tuple[Item, ...]
    ships_to: str

    @property
    def total_minor(self) -> int:
        return sum(item.price_minor * item.quantity for item in self.items)


@dataclass(frozen=True, slots=True)
class Charge:
    id: str
    customer_id: str
    order_id: str | None  # None: a membership fee
    purpose: str  # order, annual_fee, monthly_fee
    status: str  # captured, authorised, pending
    amount_minor: int
    made_at: datetime
    drops_off_on: date | None = None  # authorisations only


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    customer_id: str
    order_id: str
    charge_id: str
    amount_minor: int
    status: str  # processing, completed
    issued_on: date
    expected_by: date


@dataclass(frozen=True, slots=True)
class Shipment:
    order_id: str
    carrier: str
    tracking: str
    status: str  # in_transit, late, lost, delivered
    sent_on: date
    promised_on: date
    delivered_on: date | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    customer_id: str
    plan: str  # annual, monthly
    status: str  # active, ending
    started_on: date
    renews_on: date
    fee_minor: int


@dataclass(frozen=True, slots=True)
class Story:
    """Why a customer may write; `on` is the first day on which a ticket about it makes sense."""

    kind: StoryKind
    customer_id: str
    on: date
    order_id: str | None = None
    is_showcase: bool = False  # kept out of the ticket stream, so that documented commands work


@dataclass(slots=True)
class World:
    """One chapter's facts, by id. Filled by `stories.build` and not changed afterwards."""

    seed: int
    anchor: date
    chapter: int
    customers: dict[str, Customer] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    charges: dict[str, Charge] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    shipments: dict[str, Shipment] = field(default_factory=dict)  # by order
    memberships: dict[str, Membership] = field(default_factory=dict)  # by customer
    stories: list[Story] = field(default_factory=list)

    def story_order(self, story: Story) -> Order:
        """Return the order a story is about; raise KeyError for a story without one."""
        return self.orders[story.order_id or ""]

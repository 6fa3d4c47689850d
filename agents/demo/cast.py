"""Puts people, orders and money into a `World`, one fact at a time, with one seeded generator.

Knows how an honest order looks (paid once, sent, delivered); what goes wrong in whose life is
`stories`' business.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from agents.demo.catalogue import (
    CARRIERS,
    CITIES,
    FIRST_NAMES,
    LARGE_PRODUCTS,
    LAST_NAMES,
    PRODUCTS,
    STREETS,
    Product,
)
from agents.demo.world import Charge, Customer, Item, Order, Refund, Shipment, World

_CUSTOMERS_PER_CHAPTER = 2_000
_ORDERS_PER_CHAPTER = 5_000


def address(rng: Random) -> str:
    """Return an invented postal address such as `Mill Lane 7, 4020 Linz`."""
    postcode, city = rng.choice(CITIES)
    return f"{rng.choice(STREETS)} {rng.randint(1, 98)}, {postcode} {city}"


def moment(day: date, rng: Random) -> datetime:
    """Return a waking hour of that day, UTC."""
    clock = time(rng.randint(7, 20), rng.randint(0, 59), rng.randint(0, 59), tzinfo=UTC)
    return datetime.combine(day, clock)


@dataclass(slots=True)
class Cast:
    """Adds facts to the world under ids that never repeat, across chapters too."""

    world: World
    rng: Random
    used_amounts: dict[str, set[int]] = field(default_factory=dict)  # by customer

    def customer(self) -> Customer:
        """Add a customer who joined one to six years ago."""
        number = 1_000 + self.world.chapter * _CUSTOMERS_PER_CHAPTER + len(self.world.customers)
        name = f"{self.rng.choice(FIRST_NAMES)} {self.rng.choice(LAST_NAMES)}"
        person = Customer(
            id=f"C-{number}",
            name=name,
            email=f"{name.lower().replace(' ', '.')}.{number}@example.com",
            address=address(self.rng),
            joined_on=self.world.anchor - timedelta(days=self.rng.randint(400, 2_200)),
        )
        self.world.customers[person.id] = person
        return person

    def order(
        self,
        customer: Customer,
        day: date,
        status: str,
        *,
        products: Sequence[Product] | None = None,
        at: datetime | None = None,
    ) -> Order:
        """Add an order; without `products` one small article at a price new to this customer."""
        chosen = products or (self._unused_product(customer),)
        number = 10_000 + self.world.chapter * _ORDERS_PER_CHAPTER + len(self.world.orders)
        order = Order(
            id=f"LO-{number}",
            customer_id=customer.id,
            placed_at=at or moment(day, self.rng),
            status=status,
            items=tuple(Item(p.sku, p.name, 1, p.price_minor) for p in chosen),
            ships_to=customer.address,
        )
        self.world.orders[order.id] = order
        self.used_amounts.setdefault(customer.id, set()).add(order.total_minor)
        return order

    def _unused_product(self, customer: Customer) -> Product:
        """Two honest orders of one customer never cost the same: that is a story of its own."""
        used = self.used_amounts.get(customer.id, set())
        return self.rng.choice([p for p in PRODUCTS if p.price_minor not in used])

    def large_product(self) -> Product:
        """Choose something above the automatic refund limit."""
        return self.rng.choice(LARGE_PRODUCTS)

    def charge(
        self,
        order: Order,
        at: datetime,
        status: str = "captured",
        *,
        drops_off_on: date | None = None,
    ) -> Charge:
        """Add a charge over the whole order."""
        charge = Charge(
            id=self._charge_id(),
            customer_id=order.customer_id,
            order_id=order.id,
            purpose="order",
            status=status,
            amount_minor=order.total_minor,
            made_at=at,
            drops_off_on=drops_off_on,
        )
        self.world.charges[charge.id] = charge
        return charge

    def fee(self, customer: Customer, purpose: str, amount_minor: int, day: date) -> Charge:
        """Add a captured membership fee."""
        charge = Charge(
            id=self._charge_id(),
            customer_id=customer.id,
            order_id=None,
            purpose=purpose,
            status="captured",
            amount_minor=amount_minor,
            made_at=moment(day, self.rng),
        )
        self.world.charges[charge.id] = charge
        return charge

    def _charge_id(self) -> str:
        return f"CH-{50_000 + self.world.chapter * 10_000 + len(self.world.charges)}"

    def refund(self, charge: Charge, status: str, day: date) -> Refund:
        """Add a full refund of a charge, due five days after it was issued."""
        number = 7_000 + self.world.chapter * 1_000 + len(self.world.refunds)
        refund = Refund(
            id=f"RF-{number}",
            customer_id=charge.customer_id,
            order_id=charge.order_id or "",
            charge_id=charge.id,
            amount_minor=charge.amount_minor,
            status=status,
            issued_on=day,
            expected_by=day + timedelta(days=5),
        )
        self.world.refunds[refund.id] = refund
        return refund

    def shipment(
        self, order: Order, status: str, *, sent_on: date, promised_in: int,
        delivered_on: date | None = None,
    ) -> Shipment:  # fmt: skip
        """Add the order's parcel; `promised_in` counts days from sending."""
        shipment = Shipment(
            order_id=order.id,
            carrier=self.rng.choice(CARRIERS),
            tracking=f"LK{self.rng.randint(10**8, 10**9 - 1)}",
            status=status,
            sent_on=sent_on,
            promised_on=sent_on + timedelta(days=promised_in),
            delivered_on=delivered_on,
        )
        self.world.shipments[order.id] = shipment
        return shipment

    def delivered(
        self, customer: Customer, placed: date, *, products: Sequence[Product] | None = None
    ) -> Order:
        """Add an honest order: paid once when it left, delivered four days after it was placed."""
        order = self.order(customer, placed, "delivered", products=products)
        self.charge(order, order.placed_at + timedelta(days=1))
        self.arrived(order)
        return order

    def arrived(self, order: Order) -> None:
        """Add the parcel of an order that was delivered four days after it was placed."""
        placed = order.placed_at.date()
        sent, arrived = placed + timedelta(days=1), placed + timedelta(days=4)
        self.shipment(order, "delivered", sent_on=sent, promised_in=4, delivered_on=arrived)

"""What the read-only tools answer: plain facts with their meaning already worked out in code.

The models are the tools' output schemas. Everything is about one customer: an order of somebody
else is reported as unknown, never shown.
"""

from pydantic import BaseModel


class CustomerFacts(BaseModel):
    """Who is writing. The e-mail address stays inside the company's own systems."""

    customer_id: str
    is_known: bool
    first_name: str = ""
    address: str = ""
    joined_on: str = ""


class ItemFacts(BaseModel):
    sku: str
    name: str
    quantity: int
    price_minor: int


class OrderFacts(BaseModel):
    order_id: str
    placed_on: str
    status: str  # processing, shipped, delivered, cancelled
    articles: list[ItemFacts]
    item_names: str
    total_minor: int
    ships_to: str
    can_cancel: bool
    can_change_address: bool
    delivered_on: str | None = None
    return_until: str | None = None  # last moment, ISO 8601: compares as text with received_at
    warranty_until: str | None = None
    has_replacement: bool = False
    has_return_label: bool = False


class OrdersFound(BaseModel):
    """`matches` are the orders the request can mean: the one asked for, else those in `stage`."""

    customer_id: str
    asked_order_id: str | None
    is_unknown_order: bool  # asked for, but not an order of this customer
    matches: list[OrderFacts]
    latest: OrderFacts | None


class ShipmentFacts(BaseModel):
    order_id: str
    status: str  # preparing, in_transit, late, lost, delivered
    item_names: str
    value_minor: int
    placed_on: str
    carrier: str | None = None
    tracking: str | None = None
    sent_on: str | None = None
    promised_on: str | None = None
    delivered_on: str | None = None
    has_replacement: bool = False


class ShipmentFound(BaseModel):
    """`shipment` is the parcel meant; None when there is none, or several (`candidates`)."""

    customer_id: str
    asked_order_id: str | None
    is_unknown_order: bool
    shipment: ShipmentFacts | None
    candidates: list[ShipmentFacts]


class ChargeLine(BaseModel):
    charge_id: str
    order_id: str | None
    purpose: str  # order, annual_fee, monthly_fee
    status: str  # captured, authorised, pending, released
    amount_minor: int
    made_on: str
    drops_off_on: str | None = None


class Duplicate(BaseModel):
    """One order captured twice. The second charge is the one that should not exist."""

    order_id: str
    charge_id: str
    amount_minor: int
    first_on: str
    second_on: str


class PossibleDuplicate(BaseModel):
    """Two charges of one amount that the data alone cannot call a duplicate; `why` says why."""

    why: str  # different_orders, still_pending
    amount_minor: int
    first_on: str
    second_on: str
    order_ids: list[str]


class Hold(BaseModel):
    """An authorisation beside the captured charge: never collected, drops off by itself."""

    order_id: str
    amount_minor: int
    made_on: str
    drops_off_on: str


class FeePair(BaseModel):
    """A monthly fee shortly before an annual one: the plan was switched, both are due."""

    monthly_minor: int
    monthly_on: str
    annual_minor: int
    annual_on: str


class ChargesFound(BaseModel):
    customer_id: str
    month: str | None
    charges: list[ChargeLine]
    duplicates: list[Duplicate]
    already_refunded: list[Duplicate]
    possible_duplicates: list[PossibleDuplicate]
    holds: list[Hold]
    fee_pairs: list[FeePair]


class RefundFacts(BaseModel):
    refund_id: str
    order_id: str
    amount_minor: int
    status: str  # processing, completed
    issued_on: str
    expected_by: str


class RefundsFound(BaseModel):
    customer_id: str
    asked_order_id: str | None
    is_unknown_order: bool
    refunds: list[RefundFacts]
    latest: RefundFacts | None


class MembershipFound(BaseModel):
    customer_id: str
    is_member: bool
    plan: str = ""  # annual, monthly
    status: str = ""  # active, ending
    started_on: str = ""
    renews_on: str = ""
    fee_minor: int = 0

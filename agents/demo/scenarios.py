"""Every kind of ticket the demo's customers send: how often, about which stories, and its truth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agents.demo import phrases
from agents.demo.truth import TicketTruth
from agents.demo.world import CURRENCY, Story, StoryKind, World
from store.money import Money

DOCUMENTS: dict[str, str] = {
    "double_charge": "duplicate-charges.md",
    "refund_status": "refunds.md",
    "order_status": "tracking.md",
    "lost_parcel": "late-and-lost-parcels.md",
    "cancel_order": "cancellations.md",
    "change_address": "addresses.md",
    "damaged_item": "damaged-items.md",
    "return_item": "returns.md",
    "warranty_claim": "warranty.md",
    "cancel_membership": "membership-cancellation.md",
    "invoice_copy": "invoices.md",
}
FACTS: dict[str, str] = {
    "double_charge": "charges",
    "refund_status": "refunds",
    "order_status": "parcel",
    "lost_parcel": "parcel",
    "cancel_order": "orders",
    "change_address": "orders",
    "damaged_item": "orders",
    "return_item": "orders",
    "cancel_membership": "membership",
    "invoice_copy": "orders",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a right draft does and says."""

    kind: str = "reply_only"
    args: tuple[tuple[str, Any], ...] = ()
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Telling:
    """One ticket about one story, as far as the truth depends on it."""

    world: World
    story: Story
    address: str  # the one the text names, if it names one
    names_order: bool
    is_as_it_seems: bool  # in a doubtful case: the draft's guess is what the customer meant


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of ticket; `weight` is its share among all kinds."""

    name: str
    weight: float
    intents: tuple[str, ...]  # the first is what it is, the others answer it just as well
    kinds: tuple[StoryKind, ...]
    phrases: tuple[str, ...]
    outcome: Callable[[Telling], Outcome]
    order_share: float = 0.4  # how often the order number is given
    is_consuming: bool = False  # a right answer changes the customer's facts
    is_doubtful: bool = False

    def truth(self, telling: Telling) -> TicketTruth:
        """Return what a right run of such a ticket must find and do."""
        outcome = self.outcome(telling)
        return TicketTruth(
            scenario=self.name,
            intents=self.intents,
            sources=tuple(DOCUMENTS[name] for name in self.intents if name in DOCUMENTS),
            facts=tuple(FACTS[name] for name in self.intents[:1] if name in FACTS),
            kind=outcome.kind,
            args=dict(outcome.args),
            mentions=outcome.mentions,
            is_doubtful=self.is_doubtful,
            needs_person=self.is_doubtful and not telling.is_as_it_seems,
        )


def _says(*mentions: str) -> Callable[[Telling], Outcome]:
    return lambda _: Outcome(mentions=mentions)


def _says_order(*mentions: str) -> Callable[[Telling], Outcome]:
    return lambda telling: Outcome(mentions=(telling.story.order_id or "", *mentions))


def _acts(kind: str) -> Callable[[Telling], Outcome]:
    """On the story's order, without money."""

    def outcome(telling: Telling) -> Outcome:
        order_id = telling.story.order_id or ""
        return Outcome(kind, (("order_id", order_id),), (order_id,))

    return outcome


def _moves_money(kind: str) -> Callable[[Telling], Outcome]:
    """On the story's order and over its whole amount."""

    def outcome(telling: Telling) -> Outcome:
        order = telling.world.story_order(telling.story)
        args = (("order_id", order.id), ("amount_minor", order.total_minor))
        return Outcome(kind, args, (order.id, str(Money(order.total_minor, CURRENCY))))

    return outcome


def _moves_address(telling: Telling) -> Outcome:
    order_id = telling.story.order_id or ""
    args = (("order_id", order_id), ("address", telling.address))
    return Outcome("change_address", args, (order_id, telling.address))


def _tracks(telling: Telling) -> Outcome:
    return Outcome(mentions=(telling.world.shipments[telling.story.order_id or ""].tracking,))


def _explains_warranty(telling: Telling) -> Outcome:
    if telling.names_order:
        return Outcome(mentions=(telling.story.order_id or "", "under warranty until"))
    return Outcome(mentions=("send us the order number",))


_STATUS = ("order_status", "lost_parcel")
_LOST = ("lost_parcel", "order_status")
_MEMBERS = (StoryKind.MEMBER_ANNUAL, StoryKind.MEMBER_MONTHLY)
_REFUND_NONE = (StoryKind.DELIVERED, StoryKind.OLD_ORDER)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("duplicate_small", 6.0, ("double_charge",), (StoryKind.DUPLICATE_SMALL,),
             phrases.DOUBLE_CHARGE, _moves_money("refund"), is_consuming=True),
    Scenario("duplicate_large", 1.3, ("double_charge",), (StoryKind.DUPLICATE_LARGE,),
             phrases.DOUBLE_CHARGE, _moves_money("refund"), is_consuming=True),
    Scenario("hold", 2.0, ("double_charge",), (StoryKind.HOLD,),
             phrases.DOUBLE_CHARGE, _says_order("authorisation hold")),
    Scenario("two_orders", 1.0, ("double_charge",), (StoryKind.TWO_ORDERS,),
             phrases.DOUBLE_CHARGE, _says_order("two orders"), is_doubtful=True),
    Scenario("pending_beside", 0.5, ("double_charge",), (StoryKind.PENDING_BESIDE,),
             phrases.DOUBLE_CHARGE, _says("still pending"), is_doubtful=True),
    Scenario("fees", 1.6, ("double_charge",), (StoryKind.ANNUAL_AND_MONTHLY,),
             phrases.FEES, _says("no further monthly fee"), order_share=0.0),
    Scenario("charged_once", 0.5, ("double_charge",), (StoryKind.CHARGED_ONCE,),
             phrases.DOUBLE_CHARGE, _says("found no second charge"), is_doubtful=True),
    Scenario("refund_processing", 2.6, ("refund_status",), (StoryKind.REFUND_PROCESSING,),
             phrases.REFUND_STATUS, _says_order("on its way")),
    Scenario("refund_done", 2.0, ("refund_status",), (StoryKind.REFUND_DONE,),
             phrases.REFUND_STATUS, _says_order("has been paid out")),
    Scenario("refund_none", 0.5, ("refund_status",), _REFUND_NONE,
             phrases.REFUND_STATUS, _says("not issued a refund yet"), is_doubtful=True),
    Scenario("on_its_way", 6.0, _STATUS, (StoryKind.ON_ITS_WAY,), phrases.ORDER_STATUS, _tracks),
    Scenario("preparing", 3.5, _STATUS, (StoryKind.OPEN_ORDER,),
             phrases.ORDER_STATUS, _says_order("being prepared")),
    Scenario("late", 4.0, _STATUS, (StoryKind.LATE,), phrases.LATE_ORDER, _tracks),
    Scenario("lost", 3.8, _LOST, (StoryKind.LOST,),
             phrases.LOST_PARCEL, _moves_money("replacement"), is_consuming=True),
    Scenario("not_received", 3.0, _LOST, (StoryKind.DELIVERED,),
             phrases.NOT_RECEIVED, _says_order("was delivered on")),
    Scenario("cancel", 5.5, ("cancel_order",), (StoryKind.OPEN_ORDER,),
             phrases.CANCEL_ORDER, _acts("cancel_order"), is_consuming=True),
    Scenario("cancel_too_late", 2.0, ("cancel_order",), (StoryKind.ON_ITS_WAY, StoryKind.LATE),
             phrases.CANCEL_ORDER, _says_order("can no longer be cancelled")),
    Scenario("cancel_which", 0.5, ("cancel_order",), (StoryKind.TWO_OPEN,),
             phrases.CANCEL_ORDER, _says("which of them"), order_share=0.0, is_doubtful=True),
    Scenario("address", 4.5, ("change_address",), (StoryKind.OPEN_ORDER,),
             phrases.CHANGE_ADDRESS, _moves_address, is_consuming=True),
    Scenario("address_unsaid", 1.2, ("change_address",), (StoryKind.OPEN_ORDER,),
             phrases.CHANGE_ADDRESS_UNSAID, _says_order("send us the new address")),
    Scenario("address_too_late", 1.2, ("change_address",), (StoryKind.ON_ITS_WAY,),
             phrases.CHANGE_ADDRESS, _says_order("can no longer be sent")),
    Scenario("damaged", 4.5, ("damaged_item",), (StoryKind.DELIVERED,),
             phrases.DAMAGED, _moves_money("replacement"), is_consuming=True),
    Scenario("damaged_which", 0.6, ("damaged_item",), (StoryKind.DELIVERED_MANY,),
             phrases.DAMAGED, _says("which of them is affected"), is_doubtful=True),
    Scenario("return", 5.0, ("return_item",), (StoryKind.DELIVERED,),
             phrases.RETURN_ITEM, _acts("return_label"), is_consuming=True),
    Scenario("return_too_late", 1.2, ("return_item",), (StoryKind.OLD_ORDER,),
             phrases.RETURN_ITEM, _says_order("that day has passed")),
    Scenario("warranty", 2.6, ("warranty_claim",), (StoryKind.OLD_ORDER,),
             phrases.WARRANTY, _explains_warranty, order_share=0.6),
    Scenario("leave", 4.0, ("cancel_membership",), _MEMBERS, phrases.CANCEL_MEMBERSHIP,
             lambda _: Outcome("cancel_membership", (), ("stays active until",)),
             order_share=0.0, is_consuming=True),
    Scenario("leave_no_member", 0.3, ("cancel_membership",), _REFUND_NONE,
             phrases.CANCEL_MEMBERSHIP, _says("find no membership"), order_share=0.0,
             is_doubtful=True),
    Scenario("invoice", 5.0, ("invoice_copy",), (StoryKind.DELIVERED, StoryKind.OLD_ORDER),
             phrases.INVOICE, _acts("resend_invoice")),
)  # fmt: skip

QUESTION_WEIGHT = 29.0  # answered by the documents
OUT_OF_SCOPE_WEIGHT = 2.6
UNCLEAR_WEIGHT = 0.6
HOSTILE_WEIGHT = 0.7
TWO_TOPICS_WEIGHT = 1.0

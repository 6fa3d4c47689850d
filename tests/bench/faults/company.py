"""The company of the fault campaign: one folder whose tools are the payment service, by URL."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from agents.company import FILE_NAME

_TOML = """\
[company]
name = "Parcel Exchange"
currency = "EUR"
signature = "Kind regards,\\nParcel Exchange"

[people]
Ana = "operator"
Ben = "operator"
Cem = "operator"
Dia = "operator"
Eva = "operator"
Fay = "operator"
Gus = "operator"
Mo = "manager"
Noa = "manager"

[policy]
threshold = 0.85
daily_cap = "200.00"
two_person_above = "1000.00"
audit_rate = 0.02

[[policy.amount_rules]]
kind = "refund"
above = "100.00"

[[reject_reasons]]
code = "wrong_facts"
title = "The facts do not support it"

[[reject_reasons]]
code = "other"
title = "Something else"

[entities]
order_ids = '\\b(PX-\\d{6})\\b'

[out_of_scope]
examples = [
  "What will the weather be like tomorrow?",
  "Can you help me with my homework?",
  "I would like to apply for a job with you.",
  "When does the next train to Vienna leave?",
  "Tell me a joke.",
]

[[servers]]
name = "payments"
url = "@URL@"
timeout_seconds = @TIMEOUT@
read = ["order_state", "find_effect", "ledger_totals"]
totals = "ledger_totals"

[[servers.write]]
tool = "send_reply"
reply = true
customer = "customer_id"
text = "text"
ticket = "ticket_id"
key = "idempotency_key"
key_retention_seconds = @RETENTION@
refusal = "^REFUSED"
lookup = { tool = "find_effect", args = { idempotency_key = "key" }, found = "found", receipt = "receipt" }

[[servers.write]]
tool = "issue_refund"
action = "refund"
customer = "customer_id"
order = "order_id"
amount = "amount_minor"
key = "idempotency_key"
key_retention_seconds = @RETENTION@
refusal = "^REFUSED"
expected = "expected_version"
precondition = { tool = "order_state", args = { customer_id = "customer_id", order_id = "order_id" }, value = "version" }
lookup = { tool = "find_effect", args = { idempotency_key = "key" }, found = "found", receipt = "receipt" }
reversal = { tool = "reverse_refund", args = { customer_id = "args.customer_id", order_id = "args.order_id", refund_id = "receipt.refund_id || key", amount_minor = "args.amount_minor" } }

[[servers.write]]
tool = "reverse_refund"
action = "reverse_refund"
customer = "customer_id"
order = "order_id"
amount = "amount_minor"
key = "idempotency_key"
key_retention_seconds = @RETENTION@
refusal = "^REFUSED"
lookup = { tool = "find_effect", args = { idempotency_key = "key" }, found = "found", receipt = "receipt" }

[[servers.write]]                  # no key, no look-up: at most once, and doubt goes to a person
tool = "send_letter"
action = "letter"
customer = "customer_id"
order = "order_id"

[[intents]]
name = "refund"
title = "A parcel never came"
needs_customer = true
examples = [
@REFUNDS@
]

[[intents.lookups]]
tool = "order_state"
save_as = "order"
args = { customer_id = "ticket.customer_id", order_id = "entities.order_ids[0]" }
when = "entities.order_ids"

[[intents.decisions]]
when = "order && order.refundable_minor > `0`"
action = "refund"
args = { order_id = "order.order_id", amount_minor = "order.refundable_minor" }
reply = "We are refunding {{ order.refundable_minor | money }} for {{ order.order_id }}."

[[intents.decisions]]
reply = "Thank you for telling us. Which order is it about?"
doubt = "No order was found of which anything can still be refunded."

[[intents]]
name = "letter"
title = "A written confirmation"
needs_customer = true
examples = [
@LETTERS@
]

[[intents.lookups]]
tool = "order_state"
save_as = "order"
args = { customer_id = "ticket.customer_id", order_id = "entities.order_ids[0]" }
when = "entities.order_ids"

[[intents.decisions]]
when = "order"
action = "letter"
args = { order_id = "order.order_id" }
reply = "We are posting you a written confirmation of {{ order.order_id }}."

[[intents.decisions]]
reply = "Thank you for telling us. Which order is it about?"
doubt = "No order was found."
"""
_REFUNDS = (
    "My parcel {} never came, I want my money back.",
    "Order {} has not arrived for weeks. Please refund it.",
    "Nothing was delivered for {}; give me a refund.",
    "I am still waiting for {} and would like the money back.",
    "The parcel {} got lost on the way, please pay me back.",
    "Please refund {}, it was never delivered.",
    "Where is {}? It is lost, I ask for a refund.",
    "The courier lost {}. I want a refund.",
)
_LETTERS = (
    "Please post me a written confirmation of order {}.",
    "I need a letter on paper that confirms {}.",
    "Could you send a confirmation letter for {} by post?",
    "My office wants order {} confirmed in writing, by letter.",
    "Send me a paper letter about {} please.",
    "For my files I need {} confirmed by a letter.",
    "Please write a letter that confirms order {}.",
    "A confirmation on paper for {} would help me, by post please.",
)
_DOCUMENT = """# Parcels

## When a parcel is lost

A parcel that has not come within three weeks counts as lost, and what was paid is refunded.
"""


def write_company(
    folder: Path, url: str, *, timeout_seconds: float = 2.0, retention_seconds: int = 86_400
) -> Path:
    """Write the company's folder and return it; its only server is the one at `url`."""
    example = "PX-999999"
    values = {
        "@URL@": url,
        "@TIMEOUT@": str(float(timeout_seconds)),
        "@RETENTION@": str(retention_seconds),
        "@REFUNDS@": "\n".join(f'  "{text.format(example)}",' for text in _REFUNDS),
        "@LETTERS@": "\n".join(f'  "{text.format(example)}",' for text in _LETTERS),
    }
    toml = _TOML
    for mark, value in values.items():
        toml = toml.replace(mark, value)
    documents = folder / "documents"
    documents.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).write_text(toml, encoding="utf-8")
    (documents / "parcels.md").write_text(_DOCUMENT, encoding="utf-8")
    return folder


def new_orders(count: int, *, customers: int, seed: int) -> Iterator[tuple[str, str, int]]:
    """Yield orders as (order_id, customer_id, total_minor), from 5.00 to 1,500.00."""
    draw = Random(seed)
    for number in range(count):
        total = draw.choice((500, 2_000, 9_900, 10_000, 10_001, 45_000, 100_000, 150_000))
        yield f"PX-{number:06d}", f"C-{draw.randrange(customers):04d}", total


def refund_request(order_id: str, draw: Random) -> str:
    """Return a ticket's text that asks for a refund of the order."""
    return draw.choice(_REFUNDS).format(order_id)


def letter_request(order_id: str, draw: Random) -> str:
    """Return a ticket's text that asks for a letter about the order."""
    return draw.choice(_LETTERS).format(order_id)

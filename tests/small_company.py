"""A small company for tests: three intents, two documents, written into a folder."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.company import FILE_NAME, Company, load
from agents.ports import TicketView
from agents.tools.schemas import ToolSchema, fingerprint

TOML = '''
[company]
name = "Tin Kettle"
currency = "EUR"
signature = "Kind regards,\\nTin Kettle"

[people]
Ana = "operator"
Mo = "manager"

[policy]
daily_cap = "150.00"

[[policy.amount_rules]]
kind = "refund"
above = "100.00"

[[reject_reasons]]
code = "wrong_facts"
title = "The facts do not support it"

[entities]
order_ids = '\\b(TK-\\d{4})\\b'

[out_of_scope]
examples = [
  "What will the weather be like tomorrow?",
  "Can you help me with my homework?",
  "I lost the key of my rented flat.",
  "When does the next train leave?",
  "Tell me a joke.",
  "My bank card was swallowed by the machine.",
]

[[servers]]
name = "shop"
command = ["{python}", "server.py"]
read = ["get_order", "find_charges"]

[[servers.write]]
tool = "send_reply"
reply = true
customer = "customer_id"
text = "text"
ticket = "ticket_id"
key = "idempotency_key"

[[servers.write]]
tool = "issue_refund"
action = "refund"
customer = "customer_id"
order = "order_id"
amount = "amount_minor"
key = "idempotency_key"

[[intents]]
name = "double_charge"
title = "Charged twice"
needs_customer = true
examples = [
  "I was charged twice for one order.",
  "Why did you take the money two times?",
  "There is a double payment on my statement.",
  "My card was billed twice for TK-1111.",
  "You collected the same amount two times.",
]

[[intents.lookups]]
tool = "find_charges"
save_as = "charges"
args = { customer_id = "ticket.customer_id" }

[[intents.lookups]]
tool = "get_order"
save_as = "order"
args = { order_id = "charges.duplicates[0].order_id" }
when = "charges.duplicates"

[[intents.decisions]]
when = "charges.duplicates[1]"
reply = "Thank you. We are checking more than one double charge."
doubt = "There are {{ charges.duplicates | length }} duplicate charges, not one."

[[intents.decisions]]
when = "charges.duplicates[0]"
action = "refund"
args = { order_id = "charges.duplicates[0].order_id", amount_minor = "charges.duplicates[0].amount_minor" }
reply = """
You are right: order {{ charges.duplicates[0].order_id }} was collected twice.
We are refunding {{ charges.duplicates[0].amount_minor | money }}."""

[[intents.decisions]]
when = "charges && length(charges.duplicates) == `0`"
reply = "We looked at your payments and found each order collected once only."

[[intents]]
name = "shipping_time"
title = "How long shipping takes"
examples = [
  "How long does shipping take?",
  "When will my parcel arrive if I order today?",
  "What are your delivery times?",
  "How many days until a kettle gets to Italy?",
  "Is delivery quick?",
]

[[intents.decisions]]
when = "passages"
reply = "{{ passages[0].text | quote(ticket.text) }}"

[[intents]]
name = "descaling"
title = "How to descale a kettle"
examples = [
  "How do I remove limescale from the kettle?",
  "There are white flakes in my kettle.",
  "Which acid may I use for descaling?",
  "My kettle is full of chalk.",
  "How often should I descale it?",
]

[[intents.decisions]]
when = "passages"
reply = "{{ passages[0].text }}"
'''

SHIPPING = """# Shipping

We ship every working day.

## How long shipping takes

Parcels inside the country arrive within three working days. Italy takes five working days.

## What shipping costs

Shipping costs €4.90. It is free from €50.00.
"""

DESCALING = """# Care

## How to descale

Use citric acid, one spoon to a litre of cold water. Rinse the kettle twice afterwards.
"""


def write(folder: Path, toml: str = TOML) -> Path:
    """Write the company's folder."""
    documents = folder / "documents"
    documents.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).write_text(toml, encoding="utf-8")
    (documents / "shipping.md").write_text(SHIPPING, encoding="utf-8")
    (documents / "care.md").write_text(DESCALING, encoding="utf-8")
    return folder


def small_company(folder: Path) -> Company:
    """Return the company, written and loaded."""
    return load(write(folder))


def schemas() -> dict[str, ToolSchema]:
    """Return what the company's server would offer."""
    text = {"type": "string"}
    fields: dict[str, dict[str, Any]] = {
        "get_order": {"order_id": text},
        "find_charges": {"customer_id": text},
        "send_reply": dict.fromkeys(("customer_id", "text", "ticket_id", "idempotency_key"), text),
        "issue_refund": {
            **dict.fromkeys(("customer_id", "order_id", "idempotency_key"), text),
            "amount_minor": {"type": "integer", "minimum": 1},
        },
    }
    return {name: _schema(properties) for name, properties in fields.items()}


def _schema(properties: dict[str, Any]) -> ToolSchema:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ToolSchema("shop", schema, fingerprint(schema))


def ticket(text: str, *, customer_id: str | None = "C-1", subject: str = "") -> TicketView:
    """Return a ticket received on 20 November 2026."""
    return TicketView(
        id=1,
        external_id="T-1",
        text=text,
        subject=subject,
        customer_id=customer_id,
        received_at=datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
    )

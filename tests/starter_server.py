"""The tool server that the starter company of `greenlight init` expects, with a ledger file."""

import json
import os
from pathlib import Path
from typing import Any

from mcp.server import MCPServer

server = MCPServer("shop", version="1.0")
LEDGER = Path(os.environ.get("STARTER_LEDGER", "ledger.jsonl"))


def write_down(**entry: Any) -> dict[str, Any]:
    with LEDGER.open("a") as ledger:
        ledger.write(json.dumps(entry) + "\n")
    return entry


@server.tool()
def get_order(customer_id: str, order_id: str) -> dict[str, Any]:
    """Return an order."""
    return {
        "order_id": order_id,
        "customer_id": customer_id,
        "status": "delivered",
        "is_refunded": False,
        "total_minor": 1_250,
    }


@server.tool()
def send_reply(customer_id: str, text: str, ticket_id: str, idempotency_key: str) -> dict[str, Any]:
    """Send an answer."""
    return write_down(tool="send_reply", customer_id=customer_id, text=text, key=idempotency_key)


@server.tool()
def refund_order(
    customer_id: str, order_id: str, amount_minor: int, idempotency_key: str
) -> dict[str, Any]:
    """Give money back."""
    return write_down(tool="refund_order", order_id=order_id, amount_minor=amount_minor)


if __name__ == "__main__":
    server.run("stdio")

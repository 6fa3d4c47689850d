"""A small tool server for tests: it answers, dawdles, fails and dies on request.

`SHOP_SCHEMA=2` in its environment gives `find_order` another argument; `SHOP_LEDGER` names the file
that `pay` writes to. `SHOP_PORT` has it listen on that port (0: any) and print it, over HTTP.
"""

import asyncio
import os
import socket
import time
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import INVALID_PARAMS, CallToolResult
from pydantic import BaseModel

server = MCPServer("shop", version="1.0")


class Address(BaseModel):
    city: str


class Order(BaseModel):
    order_id: str
    state: str


def find_order(order_id: str) -> Order:
    return Order(order_id=order_id, state="paid")


def find_order_in_shop(order_id: str, shop: str) -> Order:
    return Order(order_id=order_id, state=f"paid in {shop}")


server.tool("find_order")(
    find_order_in_shop if os.environ.get("SHOP_SCHEMA") == "2" else find_order
)


@server.tool(structured_output=False)
def say(text: str) -> str:
    return text


@server.tool()
async def dawdle(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "at last"


@server.tool()
async def freeze() -> str:
    time.sleep(60)  # the whole server goes deaf
    return "never"


@server.tool()
def refuse() -> str:
    raise ToolError("no such order")


@server.tool()
def die() -> str:
    os._exit(3)


@server.tool()
def whoami() -> dict[str, Any]:
    return {"pid": os.getpid(), "environment": sorted(os.environ)}


@server.tool()
def move(order_id: str, address: Address) -> dict[str, str]:
    return {"order_id": order_id, "city": address.city}


@server.tool()
def mumble() -> Annotated[CallToolResult, Order]:
    return CallToolResult(content=[], structured_content={"order_id": 7})


@server.tool()
def pay(order_id: str, amount_minor: int) -> dict[str, str]:
    with Path(os.environ["SHOP_LEDGER"]).open("a") as ledger:
        ledger.write(f"{order_id} {amount_minor}\n")
    return {"order_id": order_id}


@server.tool()
def decline() -> str:
    raise MCPError(INVALID_PARAMS, "that is no order")


@server.tool()
def who_asks(context: Context[Any]) -> dict[str, Any]:
    headers = context.headers or {}
    return {"token": headers.get("x-shop-token"), "names": sorted(headers)}


def listen(port: int) -> None:
    listener = socket.create_server(("127.0.0.1", port))
    os.write(1, f"{listener.getsockname()[1]}\n".encode())
    app = server.streamable_http_app(json_response="SHOP_JSON" in os.environ)
    config = uvicorn.Config(app, log_level="critical", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    if "SHOP_PORT" in os.environ:
        listen(int(os.environ["SHOP_PORT"]))
    else:
        server.run("stdio")

"""Our receipts against the books of the services themselves, for every server that sums them up.

The server's `totals` tool answers `{"entries", "amount_minor"}` over all that was done through it,
and may say `from` which moment on. What is in doubt with us may or may not be in there.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt

from agents.tools import Toolbox
from store import receipts, registry

if TYPE_CHECKING:
    from agents.company import Company
    from agents.company.model import ToolServer
    from store.engine import Store
    from store.outputs import ToolCallRecord

ADVICE = (
    "Compare the service's own list with `greenlight audit export`, find the entry that only one of"
    " them has, and set `greenlight hold on` until it is explained."
)

SHAPE = (
    "Its totals tool must answer {entries, amount_minor} in whole numbers, and `from`, if it says"
    " so, as an ISO moment with its zone. Correct the tool, or leave `totals` out."
)


class Books(BaseModel):
    """What a service says of everything that was done through it."""

    model_config = ConfigDict(frozen=True)

    entries: StrictInt
    amount_minor: StrictInt
    since: AwareDatetime | None = Field(default=None, alias="from")


def compare(store: "Store", company: "Company", home: Path) -> list[tuple[str, bool, str]]:
    """Return for each server with totals its name, whether it agrees with us, and the figures."""
    return [
        (server.name, *_compared(store, company, server, home))
        for server in company.servers
        if server.totals is not None
    ]


def _compared(
    store: "Store", company: "Company", server: "ToolServer", home: Path
) -> tuple[bool, str]:
    before = store.read(receipts.sums, server.name)
    answer = asyncio.run(_ask(store, company, server, home))
    if answer.status != "ok":
        return False, f"{answer.error or 'it gave no answer'}. Start the service, then ask again."
    try:
        books = Books.model_validate(answer.result)
    except ValueError:
        return False, SHAPE
    if books.since is not None:
        before = store.read(receipts.sums, server.name, since=books.since)
    ours = before | store.read(receipts.sums, server.name, since=books.since)
    figures = (
        f"its books: {books.entries} entries, {books.amount_minor} minor units;"
        f" our receipts: {ours.entries} entries, {_money(ours)}"
    )
    if ours.fit(books.entries, books.amount_minor):
        return True, figures
    return False, f"{figures}; {_difference(ours, books.entries)}. {ADVICE}"


async def _ask(
    store: "Store", company: "Company", server: "ToolServer", home: Path
) -> "ToolCallRecord":
    assert server.totals is not None
    approved = {tool.name: tool.fingerprint for tool in store.read(registry.tools)}
    async with Toolbox({server.totals: server}, folder=company.folder, home=home) as tools:
        tools.expect(approved)
        return await tools.call(server.totals, {})


def _money(ours: receipts.Sums) -> str:
    if ours.net_minor == ours.gross_minor:
        return f"{ours.net_minor} minor units"
    return f"{ours.gross_minor} minor units, or {ours.net_minor} with reversals as money back"


def _difference(ours: receipts.Sums, entries: int) -> str:
    if entries > ours.entries.high:
        return f"{entries - ours.entries.high} of its entries have no receipt here"
    if entries < ours.entries.low:
        return f"{ours.entries.low - entries} of our receipts are not in its books"
    return "as many entries, and another sum"

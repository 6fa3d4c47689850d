"""Our receipts against the books of the services themselves, for every server that sums them up.

The server's `totals` tool answers `{"entries", "amount_minor"}` over all that was done through it,
and may say `from` which moment on. What is in doubt with us may or may not be in there.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.tools import Toolbox
from store import receipts, registry
from store.errors import BadInput

if TYPE_CHECKING:
    from agents.company import Company
    from agents.company.model import ToolServer
    from store.engine import Store
    from store.outputs import ToolCallRecord

ADVICE = (
    "Compare the service's own list with `greenlight audit export`, find the entry that only one of"
    " them has, and set `greenlight hold on` until it is explained."
)


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
        entries, amount_minor, since = _read(answer.result)
    except BadInput as error:
        return False, str(error)
    if since is not None:
        before = store.read(receipts.sums, server.name, since=since)
    ours = before | store.read(receipts.sums, server.name, since=since)
    figures = (
        f"its books hold {entries} entries over {amount_minor} minor units, our receipts"
        f" {ours.entries} over {ours.net_minor} (reversals as money back) or {ours.gross_minor}"
    )
    if ours.fit(entries, amount_minor):
        return True, figures
    return False, f"{figures}; {_difference(ours, entries)}. {ADVICE}"


async def _ask(
    store: "Store", company: "Company", server: "ToolServer", home: Path
) -> "ToolCallRecord":
    assert server.totals is not None
    approved = {tool.name: tool.fingerprint for tool in store.read(registry.tools)}
    async with Toolbox({server.totals: server}, folder=company.folder, home=home) as tools:
        tools.expect(approved)
        return await tools.call(server.totals, {})


def _read(answer: Any) -> tuple[int, int, datetime | None]:
    """Return the figures; raise BadInput where the answer has another shape."""
    try:
        entries, amount_minor = answer["entries"], answer["amount_minor"]
        since = datetime.fromisoformat(answer["from"]) if answer.get("from") else None
        if type(entries) is not int or type(amount_minor) is not int:
            raise TypeError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput(
            "Its totals tool must answer {entries, amount_minor} in whole numbers, and `from`, if"
            " it says so, as an ISO moment. Correct the tool, or leave `totals` out."
        ) from None
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return entries, amount_minor, since


def _difference(ours: receipts.Sums, entries: int) -> str:
    if entries > ours.entries.high:
        return f"{entries - ours.entries.high} of its entries have no receipt here"
    if entries < ours.entries.low:
        return f"{ours.entries.low - entries} of our receipts are not in its books"
    return "as many entries, and another sum"

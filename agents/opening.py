"""Opens a company for business: its facts, tools and documents brought into the store.

Starts the company's tool servers once to learn the schemas of the tools it lists; acts through none
of them. Safe to repeat: a policy already published and a schema already approved stay as they are.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from agents.company import Company, facts
from agents.knowledge import documents, index
from agents.models.encoder import open_encoder
from agents.tools import Toolbox, ToolSchema
from store import calibrators, registry
from store.engine import Store

CALIBRATOR = "calibrator.json"  # fitted on a demo generator's known truth; only a demo may ship it


def open_company(
    store: Store, company: Company, *, home: Path, now: datetime, say: Callable[[str], None]
) -> None:
    """Register the company and mirror its documents; `say` receives one line per thing done.

    Raises BadInput for a tool no server offers, NotAllowed if the store is another company's.
    """
    schemas = asyncio.run(_offered(company, home))
    store.transact(registry.register_company, facts(company, schemas), now=now)
    say(f"{company.name}: {len(company.intents)} intents, {len(schemas)} tools registered")
    reading = documents.read(company.documents)
    indexed = store.transact(index.mirror, reading.passages, open_encoder())
    say(f"{indexed.added} passages indexed, {indexed.unchanged} unchanged, {indexed.removed} gone")
    for path, reason in reading.refused:
        say(f"{path} was left out: {reason}")
    shipped = company.folder / CALIBRATOR
    if company.is_demo and shipped.exists():
        fitted = calibrators.Fitted.model_validate_json(shipped.read_text())
        store.transact(calibrators.save, fitted, now=now)


async def _offered(company: Company, home: Path) -> dict[str, ToolSchema]:
    async with (
        Toolbox.read_only(company, home=home) as looking,
        Toolbox.write(company, home=home) as acting,
    ):
        return looking.schemas() | acting.schemas()

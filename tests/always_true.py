"""What must hold of a home whatever a test did there: no rule broken, the services' books agree."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from agents.cli import ledgers
from agents.company import Company
from store import anchors, invariants
from store.settings import Settings


def broken(home: Path, company: Company | None = None) -> list[str]:
    """Return in words whatever must never be; with a company, its services are asked as well."""
    settings = Settings(home=home, database_url=None)
    with closing(settings.open()) as store:
        log = anchors.read(settings.anchor_file, store.keys.audit)
        found = [
            f"{one.name}: {one.subject}: {one.detail}"
            for one in store.read(invariants.violations, anchors=log)
        ]
        if company is not None:
            with ThreadPoolExecutor(1) as aside:  # a browser's event loop runs in this thread
                compared = aside.submit(ledgers.compare, store, company, home).result()
            found += [
                f"books of {name}: {detail}" for name, agrees, detail in compared if not agrees
            ]
    return found

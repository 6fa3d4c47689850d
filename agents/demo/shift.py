"""One process of the demo's history: `python -m agents.demo.shift HOME`.

Works through what is queued, then delivers what was authorised, and ends.
"""

import asyncio
import sys
from contextlib import closing
from pathlib import Path

from agents.company import load
from agents.demo.history import COMPANY, deliver, work_through
from store.settings import Settings


def main() -> None:
    """Work in the home named on the command line until nothing is left."""
    settings = Settings(home=Path(sys.argv[1]))
    company = load(COMPANY)
    with closing(settings.open(urgent=True)) as store:  # SQLite's own waiting leaves a core idle
        asyncio.run(work_through(settings, store, company))
        asyncio.run(deliver(settings, store, company))


if __name__ == "__main__":
    main()

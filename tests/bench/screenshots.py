"""Pictures of every page: `python tests/bench/screenshots.py [--home DIR] [--to DIR]`.

Serves the dashboard on a home that is there already and photographs the pages in light and dark,
two of them on a narrow screen as well. Changes nothing in the home.
"""

import argparse
import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from live_company import until
from screen import CANDIDATES, FLAGS, Screen, served

PAGES = ("queue", "reliability", "gate", "runs", "audit", "health")
ON_A_PHONE = ("queue", "reliability")
WIDE, NARROW = (1440, 900), (390, 844)
MAX_BYTES = 150_000
SETTLED = """() => document.querySelectorAll('[data-testid=stSkeleton]').length === 0
  && [...document.querySelectorAll('[data-testid=stPlotlyChart]')]
    .every((chart) => chart.querySelector('.main-svg'))"""


@dataclass(frozen=True)
class Picture:
    """One page in one appearance on one size of screen."""

    page: str
    scheme: str
    size: tuple[int, int]

    @property
    def file(self) -> str:
        narrow = "-narrow" if self.size == NARROW else ""
        return f"{self.page}-{self.scheme}{narrow}.png"


def wanted() -> Iterator[Picture]:
    """Yield every picture."""
    for scheme in ("light", "dark"):
        for page in PAGES:
            yield Picture(page, scheme, WIDE)
        for page in ON_A_PHONE:
            yield Picture(page, scheme, NARROW)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Launch the installed Chromium."""
    path = next((found for name in CANDIDATES if (found := shutil.which(name))), None)
    if path is None:
        sys.exit(f"No Chromium found; install one as any of: {', '.join(CANDIDATES)}.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


def taken(browser: Browser, address: str, picture: Picture) -> bytes:
    """Open the page, wait until it is drawn, and return it as PNG."""
    width, height = picture.size
    with browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if picture.scheme == "dark" else "light",
        reduced_motion="reduce",
    ) as context:
        tab = Screen(context.new_page(), address)
        tab.open("/" if picture.page == "queue" else f"/{picture.page}")
        tab.page.wait_for_selector(".root", timeout=20_000)
        until(lambda: bool(tab.page.evaluate(SETTLED)), f"{picture.file} is drawn")
        tab.page.wait_for_timeout(1_500)  # charts and tables draw once more at their final width
        return tab.page.screenshot()


def small(png: bytes) -> bytes:
    """Return the picture compressed, in 256 colours if it is too big in all of them."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    content = optimised(picture)
    if len(content) <= MAX_BYTES:
        return content
    rare_kept = Image.Quantize.MAXCOVERAGE  # the others lose what has colour in little text
    return optimised(picture.quantize(256, rare_kept, kmeans=3, dither=Image.Dither.NONE))


def optimised(picture: Image.Image) -> bytes:
    """Return the picture as a well-compressed PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main() -> int:
    """Take every picture; return 1 if one is too big to keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", default=os.environ.get("GREENLIGHT_HOME", ".greenlight"))
    parser.add_argument("--to", type=Path, default=Path("docs/screenshots"))
    given = parser.parse_args()
    if not (Path(given.home) / "greenlight.db").exists():
        sys.exit(f"There is no store in {given.home}. Run `make demo` once, or name another home.")
    given.to.mkdir(parents=True, exist_ok=True)
    is_too_big = False
    environment = os.environ | {"GREENLIGHT_HOME": str(Path(given.home).resolve())}
    with served(environment) as address, chromium() as browser:
        for picture in wanted():
            content = small(taken(browser, address, picture))
            (given.to / picture.file).write_bytes(content)
            print(f"{len(content) // 1000:4d} kB  {picture.file}")
            is_too_big = is_too_big or len(content) > MAX_BYTES
    return int(is_too_big)


if __name__ == "__main__":
    sys.exit(main())

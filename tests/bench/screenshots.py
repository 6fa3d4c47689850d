"""Pictures of every page: `python tests/bench/screenshots.py [--home DIR] [--to DIR]`.

Serves the dashboard on a copy of a home that is there already and photographs the pages, and the
states of the queue's card, in light and dark, wide and narrow. Decides nothing.
"""

import argparse
import io
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from live_company import until
from screen import CANDIDATES, FLAGS, Screen, served


@dataclass(frozen=True)
class View:
    """What is photographed: a page, and what is pressed on it first."""

    name: str
    path: str
    keys: tuple[str, ...] = ()
    click: str = ""  # a button's name, before the keys
    typed: str = ""
    is_card: bool = False
    manager_opens: str = ""  # a page that is not for everybody
    is_narrow: bool = True
    height: int = 900  # of the wide screen


VIEWS = (
    View("queue", "/", is_card=True),
    View("queue-reject", "/", keys=("x",), is_card=True),
    View("queue-edit", "/", keys=("e", "Control+End"), typed="\nYours, Ana", is_card=True),
    View("queue-similar", "/", keys=("l",), is_card=True, is_narrow=False),
    View("queue-audits", "/", click="Audits", is_card=True),
    View("queue-batch", "/", click="Batch…"),
    View("reliability", "/reliability"),
    View("reliability-details", "/reliability?view=Details", is_narrow=False, height=1_860),
    View("gate", "/gate"),
    View("gate-certified", "/gate", click="Move the slider to"),
    View("gate-audits", "/gate?show=Audits", is_narrow=False, height=1_060),
    View("runs", "/runs"),
    View("audit", "/audit"),
    View("health", "/health"),
    View("reviewers", "/", manager_opens="Reviewers"),
)
WIDE, NARROW = (1440, 900), (390, 844)
MAX_BYTES = 150_000
SETTLED = """() => document.querySelectorAll('[data-testid=stSkeleton]').length === 0
  && [...document.querySelectorAll('[data-testid=stPlotlyChart]')]
    .every((chart) => chart.querySelector('.main-svg'))"""


@dataclass(frozen=True)
class Picture:
    """One view in one appearance on one size of screen."""

    view: View
    scheme: str
    size: tuple[int, int]

    @property
    def file(self) -> str:
        narrow = "-narrow" if self.size == NARROW else ""
        return f"{self.view.name}-{self.scheme}{narrow}.png"


def wanted() -> Iterator[Picture]:
    """Yield every picture."""
    for view in VIEWS:
        for scheme in ("light", "dark"):
            yield Picture(view, scheme, (WIDE[0], view.height))
        if view.is_narrow:
            yield Picture(view, "light", NARROW)


@contextmanager
def copied(home: Path) -> Iterator[Path]:
    """Copy a home: opening a card claims it, which is a write."""
    with TemporaryDirectory() as folder:
        yield Path(shutil.copytree(home, Path(folder) / "home"))


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
        tab.open(picture.view.path)
        prepared(tab, picture.view)
        until(lambda: bool(tab.page.evaluate(SETTLED)), f"{picture.file} is drawn")
        tab.page.wait_for_timeout(1_500)  # charts and tables draw once more at their final width
        return tab.page.screenshot()


def prepared(tab: Screen, view: View) -> None:
    """Bring the page into the state that is photographed."""
    drawn = ".root:visible, [data-testid=stPlotlyChart]:visible"
    tab.page.wait_for_selector(drawn, timeout=20_000)
    if view.manager_opens:
        size = tab.page.viewport_size
        tab.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
        tab.page.locator(".st-key-person").click()
        tab.page.get_by_role("option", name=re.compile("manager")).first.click()
        tab.page.get_by_role("link", name=view.manager_opens).click()
        expect(tab.page).to_have_url(re.compile(view.manager_opens.lower()))
        tab.idle()
        tab.page.set_viewport_size(size or {"width": WIDE[0], "height": WIDE[1]})
    if view.click:
        tab.page.get_by_role("button", name=view.click).first.click()
        tab.idle()
    if view.is_card:
        tab.page.wait_for_timeout(500)  # the card before may still be on screen
        expect(tab.page.locator('[data-armed="true"]')).to_be_visible(timeout=20_000)
    for key in view.keys:
        tab.page.keyboard.press(key)
    if view.typed:
        tab.page.keyboard.type(view.typed)


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
    with (
        copied(Path(given.home)) as home,
        served(os.environ | {"GREENLIGHT_HOME": str(home)}) as address,
        chromium() as browser,
    ):
        for picture in wanted():
            content = small(taken(browser, address, picture))
            (given.to / picture.file).write_bytes(content)
            print(f"{len(content) // 1000:4d} kB  {picture.file}")
            is_too_big = is_too_big or len(content) > MAX_BYTES
    return int(is_too_big)


if __name__ == "__main__":
    sys.exit(main())

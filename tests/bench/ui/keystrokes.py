"""Key press to next card complete, in a real browser, for our launcher and for `streamlit run`.

The clock starts with the browser's own time of the press that decides and stops at the first frame
in which everything on screen is of another card, so drawing counts as well.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.ui.servers import LAUNCHER, PLAIN, Server, serve
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from screen import CANDIDATES, FLAGS
from sqlmodel import Session, col, select

from store.engine import Store
from store.reports.card import Card, card
from store.schema import Decision
from store.settings import Settings
from store.transitions import Verdict

ROUND = 10  # decisions before the other side has its turn
LIMIT_MS = 20_000
SIZE: ViewportSize = {"width": 1440, "height": 900}
ACTS = ("approve", "approve", "reject", "approve", "edit", "approve", "skip", "approve", "reject",
        "next")  # fmt: skip

# `window.shown()` returns the id of the card on screen, null while any part is of another card.
SHOWN = """
window.shown = () => {
  const roots = [...document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')]
    .flatMap((host) => (host.shadowRoot ? [host.shadowRoot] : []));
  const find = (wanted) => roots.map((root) => root.querySelector(wanted)).find(Boolean);
  const card = find('[data-review-id][data-complete="true"]');
  const row = find('.row[aria-current="true"]');
  const evidence = find('.column[data-id]');
  if (!card || !row || !evidence || card.dataset.locked === 'true') return null;
  const id = card.dataset.reviewId;
  return row.dataset.id === id && evidence.dataset.id === id ? Number(id) : null;
};
window.armed = () => {
  const hosts = [...document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')];
  return hosts.some((host) => host.shadowRoot?.querySelector('[data-review-id][data-armed="true"]'));
};
"""
# `window.timed(before)` resolves with the milliseconds from the next press to another card.
TIMED = """
window.timed = (before) => {
  let pressed = null;
  window.addEventListener('keydown', (event) => { pressed = event.timeStamp; },
    { capture: true, once: true });
  window.took = new Promise((resolve) => {
    const look = (now) => {
      const id = pressed === null ? before : window.shown();
      if (id !== null && id !== before) resolve([performance.now() - pressed, id]);
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
};
"""
SCRIPT = SHOWN + TIMED


@dataclass
class Side:
    """What was measured under one way of serving."""

    name: str
    took_ms: list[float] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)
    cpu_seconds: float = 0.0
    decided: dict[int, Verdict] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Launch the installed Chromium."""
    path = next((found for name in CANDIDATES if (found := shutil.which(name))), None)
    if path is None:
        raise RuntimeError(f"No Chromium found; install one as any of: {', '.join(CANDIDATES)}.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


def measure(home: Path, folder: Path, decisions: int) -> list[Side]:
    """Clear `decisions` cards on each side by keyboard, in turns; check them in the store."""
    store = Settings(home=home, database_url=None).open()
    try:
        with ExitStack() as stack:
            servers = [stack.enter_context(serve(name, home, folder)) for name in (LAUNCHER, PLAIN)]
            browser = stack.enter_context(chromium())
            sides = {server.name: Side(server.name) for server in servers}
            turn = 0
            while any(len(side.took_ms) < decisions for side in sides.values()):
                server = servers[turn % len(servers)]
                left = decisions - len(sides[server.name].took_ms)
                if left > 0:
                    _round(browser, server, store, sides[server.name], min(ROUND, left))
                turn += 1
        for side in sides.values():
            side.wrong += unrecorded(store, side.decided)
        return list(sides.values())
    finally:
        store.close()


def _round(browser: Browser, server: Server, store: Store, side: Side, count: int) -> None:
    with browser.new_context(viewport=SIZE) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: side.wrong.append(str(error)))
        page.add_init_script(SCRIPT)
        page.goto(server.address)
        at = on_screen(page)
        for number in range(count + 1):  # the first one warms the page up
            wait_until_armed(page)
            before = server.cpu_seconds()
            act = ACTS[side.acts.total() % len(ACTS)] if number else "approve"
            act, verdict, keys = planned(store.read(card, at), act)
            took, following = press(page, at, keys)
            if verdict:
                side.decided[at] = verdict
            at = following
            if number:
                side.took_ms.append(took)
                side.acts[act] += 1
                side.cpu_seconds += server.cpu_seconds() - before


def planned(shown: Card, act: str) -> tuple[str, Verdict | None, Sequence[str]]:
    """Return what is done to this card, the verdict to find in the store, and the keys."""
    if shown.is_blocked and act in ("approve", "edit"):
        act = "reject"
    typed = shown.confirmation
    if act == "edit" and typed is not None:
        act = "approve"
    if act == "approve":
        return act, Verdict.APPROVE, ("a", f"text:{typed}", "Control+Enter") if typed else ("a",)
    if act == "edit":
        return act, Verdict.EDIT, ("e", "text:Thank you for waiting. ", "Control+Enter")
    if act == "reject":
        return act, Verdict.REJECT, ("x", "1", "0")
    return act, None, ("s",) if act == "skip" else ("j",)


def press(page: Page, at: int, keys: Sequence[str]) -> tuple[float, int]:
    """Press the keys, the clock running from the last one; return the time and the next card."""
    for number, key in enumerate(keys):
        if number == len(keys) - 1:
            page.evaluate("(at) => window.timed(at)", at)
        if key.startswith("text:"):
            page.keyboard.insert_text(key.removeprefix("text:"))
        else:
            page.keyboard.press(key)
        if number < len(keys) - 1:
            page.wait_for_timeout(150)  # a panel opens without the server; nobody is faster
    found = page.evaluate(
        "(ms) => Promise.race([window.took, new Promise((end) => setTimeout(end, ms, null))])",
        LIMIT_MS,
    )
    if found is None:
        said = " ".join(page.locator(".problem-line, .why-not, .line").all_inner_texts())
        raise RuntimeError(f"No other card came after {keys} on review {at}. On screen: {said}")
    took, following = found
    return float(took), int(following)


def wait_until_armed(page: Page) -> None:
    """Wait until presses on the card count."""
    page.wait_for_function("() => window.armed()", timeout=LIMIT_MS)


def on_screen(page: Page) -> int:
    """Return the card on screen, once it is complete."""
    handle = page.wait_for_function("() => window.shown && window.shown()", timeout=LIMIT_MS)
    return int(handle.json_value())


def unrecorded(store: Store, decided: Mapping[int, Verdict]) -> list[str]:
    """Return every review whose only decision in the store is not the one that was pressed."""
    found = store.read(_verdicts, list(decided))
    return [
        f"review {review_id}: pressed {wanted}, found {found.get(review_id, [])}"
        for review_id, wanted in decided.items()
        if found.get(review_id) != [wanted]
    ]


def _verdicts(session: Session, review_ids: Sequence[int]) -> dict[int, list[Verdict]]:
    found: dict[int, list[Verdict]] = {}
    for start in range(0, len(review_ids), 500):
        some = select(Decision).where(col(Decision.review_id).in_(review_ids[start : start + 500]))
        for decision in session.exec(some):
            found.setdefault(decision.review_id, []).append(decision.verdict)
    return found


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, -(-int(len(ranked) * share * 1000) // 1000) - 1)] if ranked else 0.0

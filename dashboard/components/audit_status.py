"""Whether the audit trail is whole: when that was last checked, how far, and the full check."""

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from dashboard import session, words
from dashboard.components.tiles import Tile, tiles
from store import anchors, settings
from store.audit import ChainState

CHECKED_AT_ONCE = 20_000  # so many entries are verified in a moment, on the first visit
_WHAT_VERIFY_DOES = (
    "Recomputes every entry's seal from the first on, and compares the chain with the anchors"
    " kept outside the database."
)


@dataclass(slots=True)
class LastCheck:
    """The last full verification in this process, for everybody who looks."""

    found: ChainState | None = None
    at: datetime | None = None


@st.cache_resource(show_spinner=False, max_entries=8)
def _last_check(url: str) -> LastCheck:  # noqa: ARG001 - cache key
    return LastCheck()


def audit_status(newest: int) -> None:
    """Draw what is known about the chain up to now, with a button for the full check."""
    last = _last_check(settings.current().url)
    with st.container(
        key="audit_status", horizontal=True, vertical_alignment="center", gap="small"
    ):
        place = st.container()
        is_asked = st.button("Verify now", key="audit_verify", help=_WHAT_VERIFY_DOES)
        if is_asked or (last.found is None and newest <= CHECKED_AT_ONCE):
            with st.spinner(f"Verifying {words.count(newest)} entries…"):
                last.found = session.read(anchors.verify, settings.current().anchor_file)
                last.at = session.now()
        with place:
            tiles(status_tiles(last.found, last.at, newest, session.now()), key="audit_tiles")
    if last.found is not None:
        _problems(last.found)


def status_tiles(
    found: ChainState | None, at: datetime | None, newest: int, now: datetime
) -> tuple[Tile, ...]:
    """Return the figures about the chain. Pure."""
    entries = Tile("Entries", words.count(newest))
    if found is None or at is None:
        return (Tile("Trail", "not verified yet", tone="warn"), entries)
    bad = found.first_bad_seq
    ago = words.age((now - at).total_seconds())
    since = max(0, newest - found.entries) if bad is None else 0
    return (
        Tile(
            "Trail",
            "whole" if found.is_ok else "NOT whole",
            "" if bad is None else f"at entry {words.count(bad)}",
            tone="" if found.is_ok else "bad",
        ),
        Tile(
            "Verified",
            f"to entry {words.count(found.entries)}",
            f"{ago} ago" + (f", {words.count(since)} newer" if since else ""),
        ),
        _anchored(found),
        entries,
    )


def _anchored(found: ChainState) -> Tile:
    fits, says = found.anchored, found.furthest
    if says is None:
        return Tile("Anchored outside", "not yet", "a cut tail would go unseen", "warn")
    if fits is None:
        value = f"says entry {words.count(says.seq)}"
        return Tile("Anchored outside", value, f"{says.at:%d %b %H:%M}", "bad")
    is_behind = fits.seq < says.seq
    hint = f"of {words.count(says.seq)}" if is_behind else f"{fits.at:%d %b %H:%M}"
    value = f"to entry {words.count(fits.seq)}"
    return Tile("Anchored outside", value, hint, "bad" if is_behind else "")


def _problems(found: ChainState) -> None:
    lines = [found.problem] if found.problem else []
    lines += [f"Anchor file: {flaw.problem}" for flaw in found.flaws]
    if not lines:
        return
    with st.container(border=True, key="audit_problem"):
        st.text("\n".join(lines))
        if not found.is_ok:
            st.caption(
                "Somebody changed the database or the anchor file past Greenlight. Entries before"
                " the first bad one can be relied on. Keep a copy of the files, then compare with"
                " a backup."
            )

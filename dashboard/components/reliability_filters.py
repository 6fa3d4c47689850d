"""The head of the Reliability page: its title, what it is limited to, and every choice.

The address says what is chosen; the widgets follow it, and write what a person picks back into it.
"""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial

import streamlit as st

from dashboard import session, words
from dashboard.components import reliability_address as address
from dashboard.components.reliability_address import Wish
from dashboard.strangers import visible
from store.reports.scope import Scope

_USUAL = {"view": address.VIEWS[0], "period": address.USUAL}
_TITLES = {
    "policy": ("Policy version", "every policy"),
    "model": ("Model", "every model"),
    "intent": ("Intent", "every intent"),
    "action": ("Action", "every action"),
}


def head(title: str, versions: Callable[[Scope], dict[str, tuple[str, ...]]]) -> Wish:
    """Draw the page's head with all choices; return what the address asks for."""
    wish = address.wish({name: st.query_params.get_all(name) for name in address.NAMES})
    now = session.now()
    with st.container(horizontal=True, vertical_alignment="center", key="reliability_head"):
        if wish.filters:
            st.subheader(title, anchor=False, width="content")
            with st.container(key="reliability_only"):
                st.text(visible(f"{wish.named()} only"), width="content")
        else:
            st.subheader(title, anchor=False)
        _segments("View", "view", address.VIEWS, wish.view)
        _segments("Period", "period", (*address.PERIODS, address.DAYS), wish.period)
        if wish.period == address.DAYS:
            _days(wish.chosen_days(now), now)
        _filters(wish, versions(wish.window(now)))
    return wish


def _segments(label: str, name: str, options: tuple[str, ...], chosen: str) -> None:
    _follow(name, chosen)
    st.segmented_control(
        label,
        options,
        required=True,
        key=name,
        label_visibility="collapsed",
        on_change=partial(_say, name),
    )


def _days(chosen: tuple[date, ...], now: datetime) -> None:
    is_picking = session.typed("days") == chosen
    _follow("days", chosen if is_picking else (chosen[0], chosen[-1]))
    st.date_input(
        "Days (UTC)",
        min_value=address.FIRST_DAY,
        max_value=max(now.date(), chosen[-1]),
        key="days",
        label_visibility="collapsed",
        on_change=partial(_say, "days"),
        width=215,
    )


def _filters(wish: Wish, known: dict[str, tuple[str, ...]]) -> None:
    label = f"Filter · {len(wish.filters)}" if wish.filters else "Filter"
    with st.popover(label, key="reliability_filter"):
        for name, (title, everything) in _TITLES.items():
            _choice(name, title, everything, known[name], wish.filters.get(name, ""))


def _choice(name: str, title: str, everything: str, known: tuple[str, ...], chosen: str) -> None:
    shown = words.kind if name == "action" else visible
    _follow(name, chosen)
    st.selectbox(
        title,
        list(dict.fromkeys(("", *known, chosen))),
        format_func=lambda value: shown(value) if value else everything,
        key=name,
        on_change=partial(_say, name),
    )


def _follow(name: str, chosen: object) -> None:
    """Let a widget show what the address says; setting it anew would close an open calendar."""
    if session.typed(name) != chosen:
        session.keep(name, chosen)


def _say(name: str) -> None:
    """Write what was picked into the address, nothing where it is the usual."""
    picked = session.typed(name)
    if picked in (None, "", (), _USUAL.get(name)):
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = list(map(str, picked)) if name == "days" else picked

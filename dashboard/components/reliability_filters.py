"""What the Reliability page is about, as its address says: period, versions, intent, action.

Each choice is a widget bound to the address, so a link shows to others what one saw oneself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import streamlit as st

from dashboard import session, words
from dashboard.strangers import visible
from store.reports.scope import Scope, last_days

PERIODS = {"7 days": 7, "28 days": 28, "90 days": 90}
DAYS = "certain days"
USUAL = "28 days"
VIEWS = ("Overview", "Details")


@dataclass(frozen=True, slots=True)
class Asked:
    """The choice of one person."""

    scope: Scope
    is_detailed: bool


def head(title: str, versions: Callable[[Scope], dict[str, tuple[str, ...]]]) -> Asked:
    """Draw the page's head with all choices; return what was chosen."""
    with st.container(horizontal=True, vertical_alignment="center", key="reliability_head"):
        st.subheader(title, anchor=False)
        view = _view()
        since, until = _period()
        chosen = _filters(versions(Scope(since=since, until=until)))
    policy = chosen["policy"]
    scope = Scope(
        since=since,
        until=until,
        policy_version=int(policy) if policy else None,
        model=chosen["model"],
        intent=chosen["intent"],
        action_kind=chosen["action"],
    )
    return Asked(scope, view == "Details")


def _view() -> str:
    found: str | None = st.segmented_control(
        "View",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="view",
        label_visibility="collapsed",
        bind="query-params",
    )
    return found or VIEWS[0]


def _period() -> tuple[datetime, datetime | None]:
    chosen = st.segmented_control(
        "Period",
        [*PERIODS, DAYS],
        default=USUAL,
        required=True,
        key="period",
        label_visibility="collapsed",
        bind="query-params",
    )
    now = session.now()
    if chosen != DAYS:
        return last_days(PERIODS[chosen or USUAL], now), None
    today = now.date()
    days = st.date_input(
        "Days (UTC)",
        value=(today - timedelta(days=7), today - timedelta(days=1)),
        key="days",
        label_visibility="collapsed",
        bind="query-params",
        width=215,
    )
    picked = days if isinstance(days, tuple) else (days,)
    if not picked:
        return last_days(PERIODS[USUAL], now), None
    until = _midnight(picked[-1] + timedelta(days=1))
    return _midnight(picked[0]), until if until <= now else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _filters(known: dict[str, tuple[str, ...]]) -> dict[str, str | None]:
    labels = {
        "policy": ("Policy version", "every policy"),
        "model": ("Model", "every model"),
        "intent": ("Intent", "every intent"),
        "action": ("Action", "every action"),
    }
    set_now = [name for name in labels if session.typed(name) not in (None, labels[name][1])]
    label = f"Filter · {len(set_now)}" if set_now else "Filter"
    with st.popover(label, key="reliability_filter"):
        return {
            name: _choice(name, title, everything, known[name])
            for name, (title, everything) in labels.items()
        }


def _choice(name: str, title: str, everything: str, known: tuple[str, ...]) -> str | None:
    shown = words.kind if name == "action" else visible
    chosen = st.selectbox(
        title,
        [everything, *known],
        format_func=lambda value: value if value == everything else shown(value),
        key=name,
        bind="query-params",
    )
    return None if chosen in (None, everything) else chosen

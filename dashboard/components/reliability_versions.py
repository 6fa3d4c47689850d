"""Two versions side by side: which one is right more often, or no clear difference."""

import streamlit as st

from dashboard import session
from dashboard.components import reliability_reading as reading
from dashboard.strangers import visible
from store.reports.comparing import compare
from store.reports.drawn import VERSIONS
from store.reports.scope import Scope


def compared(scope: Scope) -> None:
    """Draw the choice of two versions and what is known of their difference."""
    st.markdown(
        "**Two versions compared**",
        help="Paired by ticket where both worked on the same 30 or more (exact McNemar), else on"
        " the drafts that the audit coin drew (Fisher's exact test, Newcombe's range).",
    )
    kind = st.segmented_control(
        "Versions of",
        list(VERSIONS),
        default="policy",
        required=True,
        key="versions_of",
        label_visibility="collapsed",
        bind="query-params",
    )
    known = reading.in_use(scope)[kind or "policy"]
    if len(known) < 2:
        only = f"Only {kind} {known[0]} was in use." if known else f"No {kind} is recorded."
        st.text(visible(f"{only} There is nothing to compare in this period."))
        return
    first, second = _pair(str(kind), known)
    if first == second:
        st.text("Choose two different ones.")
        return
    found = reading.kept(compare, scope, str(kind), first, second)
    st.text(visible(found.words))


def _pair(kind: str, known: tuple[str, ...]) -> tuple[str, str]:
    chosen = []
    for column, place, label in zip(st.columns(2), (-1, -2), ("This", "against"), strict=True):
        key = f"{kind}_{label.lower()}"
        if session.typed(key) not in (None, *known):
            session.keep(key, known[place])
        picked = column.selectbox(
            label,
            known,
            index=len(known) + place,
            format_func=visible,
            key=key,
            bind="query-params",
        )
        chosen.append(picked or known[place])
    return chosen[0], chosen[1]

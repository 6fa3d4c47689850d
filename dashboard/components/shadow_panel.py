"""A candidate beside the live policy: started from what is on screen, compared, stopped, loaded."""

import streamlit as st

from dashboard import identity, session, steering, words
from dashboard.components.proposal_panel import change_lines
from dashboard.components.tiles import Tile, tiles
from dashboard.strangers import visible
from store import shadows
from store.evidence.sampling import Estimate
from store.gate import PolicyBody
from store.loosening import changes
from store.policies import PolicyVersion
from store.shadows import Comparison, ShadowView


def shadow_panel(active: PolicyVersion, candidate: PolicyBody) -> None:
    """Draw the shadow that runs with how it compares, or the way to start one."""
    running = session.read(shadows.running)
    if running is None:
        _start(active, candidate)
    shown = running or next(iter(session.read(shadows.known)), None)
    if shown is not None:
        _one(shown, active.body)


def _start(active: PolicyVersion, candidate: PolicyBody) -> None:
    st.text(
        "A shadow judges every new draft beside the live policy and decides nothing. Compare the"
        " two before you publish."
    )
    is_other = bool(changes(active.body, candidate))
    st.button(
        "Run the candidate beside the live policy",
        key="start_shadow",
        disabled=not (is_other and identity.is_managing()),
        on_click=steering.start_shadow,
        args=(candidate, active.version),
    )
    if not is_other:
        st.caption("Move the slider or edit a rule first: there is no candidate yet.")
    elif not identity.is_managing():
        st.caption("Only a manager starts one.")


def _one(shadow: ShadowView, active: PolicyBody) -> None:
    now = session.now()
    is_running = shadow.stopped_at is None
    since = words.clock(shadow.started_at, now)
    until = "" if shadow.stopped_at is None else f" until {words.clock(shadow.stopped_at, now)}"
    st.markdown("**Runs beside the live policy**" if is_running else "**The last one**")
    note = f": {shadow.note}" if shadow.note else ""
    st.text(visible(f"Since {since}{until} UTC by {shadow.author}{note}"))
    st.text(change_lines(changes(active, shadow.body)) or "The same as the active policy.")
    _compared(session.read(shadows.compare, shadow.id))
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Load into the slider",
            key=f"load_shadow_{shadow.id}",
            on_click=steering.load_candidate,
            args=(shadow.body,),
        )
        if is_running and identity.is_managing():
            st.button(
                "Stop it",
                key=f"stop_shadow_{shadow.id}",
                on_click=steering.stop_shadow,
                args=(shadow.id,),
            )


def _compared(found: Comparison) -> None:
    if not found.judged:
        st.text("No draft was judged by both yet.")
        return
    share = found.judged
    tiles(
        (
            Tile("Judged by both", words.count(found.judged)),
            Tile(
                "Sent alone, live",
                words.percent(found.automatic_live / share),
                words.count(found.automatic_live),
            ),
            Tile(
                "Sent alone, shadow",
                words.percent(found.automatic_shadow / share),
                words.count(found.automatic_shadow),
            ),
            Tile("To alone", words.count(found.to_automatic), "a person got it"),
            Tile("To a person", words.count(found.to_person), "went out alone"),
        ),
        key="shadow_tiles",
    )
    st.caption(
        f"Right, of what goes out alone. Live: {_said(found.right_live)}. Shadow:"
        f" {_said(found.right_shadow)}."
    )


def _said(found: Estimate) -> str:
    return words.rate(found.right, found.labelled, found.rate, found.low, found.high)

"""The brake on the Gate page: holding automatic delivery, of everything or of one action kind.

A manager holds and releases, each after one question in place; everybody else sees how it stands.
"""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from dashboard import identity, session, steering, words
from dashboard.actions import drop_question
from dashboard.strangers import visible
from store import holds
from store.certificates import ALL
from store.holds import HoldView
from store.transitions import Role

BRAKERS = frozenset({Role.MANAGER, Role.ADMIN})
_NOTE = "hold_note"


def hold_panel(now: datetime, stopped: frozenset[str]) -> None:
    """Draw how automatic delivery stands, and for a manager the buttons that change it.

    `stopped` are the kinds whose promise is suspended.
    """
    in_force = session.read(holds.in_force)
    known = sorted(session.read(holds.kinds))
    may_brake = identity.role() in BRAKERS
    with st.container(border=True, key="holds", gap="small"):
        asked = _asked([None, *known])
        if asked is not None and may_brake:
            _question(*asked)
            return
        _state(in_force, now, may_brake=may_brake, is_stopped=ALL in stopped)
        if may_brake:
            _brakes(in_force, known)
        else:
            st.caption("Only a manager holds it, or lets it go on.")


def _asked(about: Sequence[str | None]) -> tuple[str | None, bool] | None:
    for kind in about:
        if session.is_asked(("hold", kind)):
            return kind, True
        if session.is_asked(("release", kind)):
            return kind, False
    return None


def _state(
    in_force: Sequence[HoldView], now: datetime, *, may_brake: bool, is_stopped: bool
) -> None:
    if is_stopped:
        st.markdown("**Nothing new goes out alone: a promise is suspended**")
    elif not in_force:
        st.markdown("**Automatic delivery is running**")
    for hold in in_force:
        name = words.kind(hold.kind)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            note = f": {hold.note}" if hold.note else ""
            since = words.clock(hold.since, now)
            st.text(
                visible(f"On hold: {name}, since {since} UTC by {hold.person}{note}"),
                width="stretch",
            )
            if may_brake:
                st.button(
                    f"Release {words.label(name)}",
                    key=f"release_{hold.kind or 'all'}",
                    on_click=steering.ask_release,
                    args=(hold.kind,),
                )


def _brakes(in_force: Sequence[HoldView], known: Sequence[str]) -> None:
    held = {hold.kind for hold in in_force}
    if None in held:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Hold all automatic delivery",
            key="hold_all",
            on_click=steering.ask_hold,
            args=(None,),
        )
        free = [kind for kind in known if kind not in held]
        if free:
            st.caption("or only", width="content")
        for kind in free:
            st.button(
                words.label(words.kind(kind).capitalize()),
                key=f"hold_{kind}",
                type="tertiary",
                help=f"Hold automatic delivery of {words.label(words.kind(kind))} only",
                on_click=steering.ask_hold,
                args=(kind,),
            )


def _question(kind: str | None, is_held: bool) -> None:
    name = "all automatic delivery" if kind is None else f"automatic delivery of {words.kind(kind)}"
    if is_held:
        st.text(
            f"Hold {name}? From that moment nothing of it goes out alone, not even what the gate"
            " has let pass already. What people approve still goes out."
        )
    else:
        st.text(f"Release {name}? What has waited goes out at once, unless another hold stops it.")
    st.text_input("Why", key=_NOTE, placeholder="One line that everybody will read", max_chars=200)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Yes, hold it" if is_held else "Yes, release it",
            key="confirm_hold" if is_held else "confirm_release",
            type="primary",
            on_click=steering.set_hold,
            args=(kind, is_held, _NOTE),
        )
        st.button("Back", key="back_hold", shortcut="Esc", on_click=drop_question)

"""Proposed policies on the Gate page: what each would change, and who still has to agree.

Everybody sees them; another manager than the author approves, and any manager withdraws.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard import identity, session, steering, words
from dashboard.components.tiles import Tile, tiles
from store import policies
from store.gate import PolicyBody
from store.loosening import Change, changes
from store.policies import PolicyVersion
from store.reports.policy import Trial


def proposal_panel(active: PolicyVersion, tried: Callable[[PolicyBody], Trial]) -> None:
    """Draw every open proposal; the container is always there, so nothing else moves."""
    with st.container(key="proposals", gap="small"):
        for proposal in session.read(policies.proposals):
            with st.container(border=True, key=f"proposal_{proposal.version}", gap="small"):
                _head(proposal)
                st.text(change_lines(changes(active.body, proposal.body)))
                _figures(tried(proposal.body), proposal)
                _buttons(proposal)


def change_lines(found: Sequence[Change]) -> str:
    """Return what changes, a line each, what is looser marked."""
    return "\n".join(f"{one} · looser" if one.is_looser else str(one) for one in found)


def who_must_agree(author: str) -> str:
    """Return who may approve what this person proposes."""
    others = session.read(policies.second_managers, author)
    if not others:
        return "It is looser, so another manager must agree, and there is no other yet."
    return f"It is looser, so another manager must agree: {' or '.join(others)}."


def _head(proposal: PolicyVersion) -> None:
    at = proposal.proposed_at
    since = f" since {words.clock(at, session.now())} UTC" if at else ""
    st.markdown(f"**Version {proposal.version} waits for another manager**")
    note = f": {proposal.note}" if proposal.note else ""
    st.text(f"Proposed by {proposal.author}{since}{note}")


def _figures(trial: Trial, proposal: PolicyVersion) -> None:
    if not trial.gated:
        st.text("No draft has been gated yet, so there is no history to try it on.")
        return
    now, then = trial.now, trial.then(proposal.body.threshold)
    to_alone, to_person = trial.flips(proposal.body.threshold)
    tiles(
        (
            Tile("Sent alone", _moved(words.percent, now.automatic_share, then.automatic_share)),
            Tile("Cards a day", _moved(_whole, now.cards_per_day, then.cards_per_day)),
            Tile(
                "Cases changed",
                words.count(to_alone + to_person),
                f"{words.count(to_alone)} to alone, {words.count(to_person)} to a person",
            ),
        ),
        key=f"proposal_tiles_{proposal.version}",
    )
    wrong = then.wrong
    said = words.rate(wrong.wrong, wrong.labelled, wrong.rate, wrong.low, wrong.high)
    on = f"{words.count(trial.gated)} drafts of {trial.history.days:.0f} days"
    st.caption(f"Wrong, of what would have gone out alone: {said}. On {on}.")


def _moved(said: Callable[[float | None], str], before: float | None, after: float | None) -> str:
    was, now = said(before), said(after)
    return now if was == now else f"{was.removesuffix(' %')} → {now}"


def _whole(number: float | None) -> str:
    return words.UNKNOWN if number is None else f"{number:.0f}"


def _buttons(proposal: PolicyVersion) -> None:
    if not identity.is_managing():
        st.caption("Another manager than its author approves it; any manager withdraws it.")
        return
    is_own = identity.me() == proposal.author
    if is_own:
        st.text(who_must_agree(proposal.author))
    with st.container(horizontal=True, gap="small"):
        if not is_own:
            st.button(
                f"Approve version {proposal.version}",
                key=f"approve_policy_{proposal.version}",
                type="primary",
                on_click=steering.approve_policy,
                args=(proposal.version,),
            )
        st.button(
            "Withdraw" if is_own else "Withdraw it",
            key=f"withdraw_policy_{proposal.version}",
            on_click=steering.withdraw_policy,
            args=(proposal.version,),
        )

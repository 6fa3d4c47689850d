"""What every page shares: the wordmark, the style sheet, whose turn it is, the demo badge."""

import streamlit as st

from dashboard import identity, live, session, strangers
from dashboard.components.custom import asset, register
from store import registry
from store.schema import Company
from store.sign_ins import SignedIn
from store.transitions import SignInMethod

_HOLD = register("hold")
_IDENTITY = register("identity")
_VOUCHED_BY = {SignInMethod.OIDC: "Signed in", SignInMethod.PROXY: "Signed in by your proxy"}

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="8" fill="#0b6b4f"/>'
    '<path d="M9 16.5l5 5 9-11" fill="none" stroke="#fff" stroke-width="3.4"'
    ' stroke-linecap="round" stroke-linejoin="round"/></svg>'
)
WORDMARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 146 32" height="32">'
    '<rect width="32" height="32" rx="8" fill="#17825f"/>'
    '<path d="M9 16.5l5 5 9-11" fill="none" stroke="#fff" stroke-width="3.4"'
    ' stroke-linecap="round" stroke-linejoin="round"/>'
    '<text x="42" y="22.5" font-family="Source Sans, Helvetica, Arial, sans-serif" font-size="20"'
    ' font-weight="700" fill="#17825f">Greenlight</text></svg>'
)


def frame() -> Company | None:
    """Draw what is around a page; return the company, None while the store is empty."""
    st.logo(WORDMARK)
    st.html(f"<style>{asset('styles.css')}</style>")
    company = session.read(registry.company)
    with st.container(key="identity", horizontal=True, vertical_alignment="center", gap="small"):
        if company is not None:
            _identity(company)
    _trouble()
    _hold()
    return company


def _trouble() -> None:
    """Say why nothing can be recorded; the container is always there, so nothing else moves."""
    with st.container(key="trouble"):
        trouble = session.store().trouble
        if trouble is not None:
            st.text(trouble)


def _hold() -> None:
    """Say what stops automatic delivery; takes no room where nothing does."""
    with st.container(key="hold"):
        _HOLD(key="hold_line", data={"text": live.hold_line(), "path": live.HOLD_PATH})


def is_yours() -> bool:
    """Return whether this page may be drawn; say why not if its sign-in ended or changed."""
    if identity.is_local():
        return True
    found = identity.signed_in()
    if found is not None and identity.note_opened(found.person):
        return True
    st.subheader("This page is closed")
    st.text(
        "You are signed out. Reload the page to sign in again."
        if found is None
        else "Somebody else is signed in here by now. Reload the page to go on as them."
    )
    return False


def _identity(company: Company) -> None:
    if company.is_demo:
        st.badge("Demo data", color="orange")
    found = identity.signed_in()
    if found is None:
        _switcher()
    else:
        _IDENTITY(key="who", data=_who(found))


def _who(found: SignedIn) -> dict[str, str]:
    return {
        "person": found.person,
        "role": found.role,
        "how": f"{_VOUCHED_BY[found.method]} as {found.subject}",
    }


def _switcher() -> None:
    roles = identity.people()
    st.text("No sign\u2011in, this machine only · you act as")
    st.selectbox(
        "Acting as",
        list(roles),
        format_func=lambda name: strangers.visible(f"{name} · {roles[name]}"),
        key=identity.PERSON,
        label_visibility="collapsed",
        filter_mode=None,
        width=170,
        persist_state="session",
    )


def no_company() -> None:
    """Say what to do in an empty store."""
    st.subheader("Nothing here yet")
    st.text(
        "This store has no company. Start the demo with `greenlight demo`, or your own company"
        " with `greenlight up --company DIR`; this page fills by itself."
    )

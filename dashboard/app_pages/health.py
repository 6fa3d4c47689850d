"""Health: is it running. Says nothing about being right."""

import streamlit as st

from dashboard import session, words
from dashboard.components.tiles import Tile, tiles
from store.reports import health as state
from store.reports.health import CalibrationView, Health

EVERY_SECONDS = 3


def page() -> None:
    """Draw the page."""
    st.subheader("Is it running?")
    live()


@st.fragment(run_every=EVERY_SECONDS)
def live() -> None:
    """Backlog, processes and calibration; live."""
    found = session.read(state.health, now=session.now())
    tiles(_tiles(found), key="health_tiles")
    st.space("xsmall")
    left, right = st.columns([58, 42], gap="medium")
    with left.container(border=True, key="processes"):
        _workers(found)
    with right.container(border=True, key="calibration"):
        _calibration(found)


def _tiles(found: Health) -> tuple[Tile, ...]:
    alive = sum(1 for worker in found.workers if worker.is_alive)
    return (
        Tile("Processes alive", str(alive), tone="" if alive else "bad"),
        Tile("Queued", words.count(found.queued)),
        Tile("Oldest queued", words.age(found.oldest_waiting_s)),
        Tile("Running", words.count(found.running)),
        Tile(
            "Waiting for a person",
            words.count(found.awaiting_review),
            words.age(found.oldest_review_s),
        ),
        Tile("Being delivered", words.count(found.pending_outbox)),
        Tile("Delivery unknown", words.count(found.unknown), tone="bad" if found.unknown else ""),
        Tile("Failed", words.count(found.failed), tone="warn" if found.failed else ""),
        Tile("Dead", words.count(found.dead), tone="bad" if found.dead else ""),
        *_unsent(found),
    )


def _unsent(found: Health) -> tuple[Tile, ...]:
    """Shown only where people were not told what they should have been."""
    lost = found.notifications.given_up
    return (Tile("Notifications not sent", words.count(lost), "in 7 days", "warn"),) if lost else ()


def _workers(found: Health) -> None:
    st.markdown("**Processes**")
    if not found.workers:
        st.text("No worker has reported yet. `greenlight demo` or `greenlight up` starts them.")
        return
    st.dataframe(
        {
            "kind": [worker.kind for worker in found.workers],
            "state": ["alive" if worker.is_alive else "stopped" for worker in found.workers],
            "last sign of life": [
                f"{words.age(worker.heartbeat_age_s)} ago" for worker in found.workers
            ],
            "in flight": [worker.in_flight for worker in found.workers],
            "process": [worker.pid for worker in found.workers],
            "name": [worker.id for worker in found.workers],
        },
        hide_index=True,
        key="workers",
        alt="Processes with their state",
    )


def _calibration(found: Health) -> None:
    st.markdown(
        "**Calibration**",
        help="Until a model has enough labels by people, none of its drafts goes out alone.",
    )
    if not found.calibration:
        st.text("No model has drafted anything yet.")
    for model in found.calibration:
        with st.container(key=f"calibration_{model.model}", gap="xsmall"):
            st.text(model.model)
            st.progress(
                min(1.0, model.labels / max(1, model.needed)),
                text=words.label(_progress(model)),
            )
            st.caption(words.label(_standing(model)))


def _progress(model: CalibrationView) -> str:
    return (
        f"{model.labels} of {model.needed} labels, {model.wrong} of {model.needed_wrong} wrong ones"
    )


def _standing(model: CalibrationView) -> str:
    simulated = (
        f" {words.count(model.simulated)} simulated labels are not counted."
        if model.simulated
        else ""
    )
    if model.is_demo:
        return f"A demo calibrator is in use; it is never evidence.{simulated}"
    if model.is_fit:
        return f"Calibrated as version {model.version}.{simulated}"
    return f"Not calibrated: every draft goes to a person.{simulated}"

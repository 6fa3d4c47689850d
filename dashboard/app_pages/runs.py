"""Runs: any run, step by step, with everything that was recorded about it."""

import streamlit as st

from dashboard import session, steering, words
from dashboard.components.deliveries import deliveries
from dashboard.components.notice import notice
from dashboard.components.queue_list import queue_list, run_row
from dashboard.strangers import visible, visible_json
from store.errors import NotFound
from store.outputs import STEP_TITLES
from store.reports import runs as recorded
from store.reports.runs import AttemptView, RunDetail
from store.transitions import RunStatus, StepStatus

PAGE = 50
ANY = "any status"


def page() -> None:
    """Draw the page."""
    left, right = st.columns([30, 70], gap="medium")
    with left:
        chosen = _list()
    with right:
        notice(session.now(), place="runs")
        if chosen is None:
            st.text("No run matches. Runs appear here as soon as a ticket is submitted.")
            return
        try:
            detail = session.read(recorded.run_detail, chosen)
        except NotFound as error:
            st.text(str(error))
            return
        _detail(detail)


def _list() -> int | None:
    with st.container(horizontal=True, gap="small"):
        status = st.selectbox(
            "Status",
            [ANY, *(status.value for status in RunStatus)],
            format_func=lambda value: value.replace("_", " "),
            key="run_status",
            label_visibility="collapsed",
            bind="query-params",
            width=150,
        )
        search = st.text_input(
            "Search",
            key="run_search",
            type="search",
            placeholder="Ticket, customer, words",
            label_visibility="collapsed",
            bind="query-params",
        )
    number = session.typed("run_page") or 1
    found = session.read(
        recorded.runs,
        status=None if status in (None, ANY) else RunStatus(status),
        search=search or "",
        limit=PAGE,
        offset=PAGE * (number - 1),
    )
    chosen = session.current_run([run.run_id for run in found.items])
    queue_list(
        [run_row(run) for run in found.items],
        chosen,
        key="run_list",
        empty="No run matches.",
        on_open=session.open_run,
    )
    pages = -(-found.total // PAGE)
    if pages > 1:
        st.pagination(pages, key="run_page", max_visible_pages=5)
    st.caption(f"{words.count(found.total)} runs, newest first")
    return chosen


def _confidence(detail: RunDetail) -> str:
    value = detail.run.confidence
    if value is None:
        return "no confidence"
    was_drafted_anew = any(attempt.visit > 1 for attempt in detail.attempts)
    return f"confidence {value:.2f}" + (" in its first draft" if was_drafted_anew else "")


def _detail(detail: RunDetail) -> None:
    run = detail.run
    st.subheader(f"Run {run.run_id}")
    facts = [
        run.status.replace("_", " "),
        f"gate: {run.outcome}" if run.outcome else "not gated yet",
        _confidence(detail),
        f"policy {detail.policy_version}" if detail.policy_version else "",
        f"model {run.model}" if run.model else "",
        words.moment(run.created_at),
    ]
    st.text(visible(" · ".join(fact for fact in facts if fact)))
    if run.error:
        with st.container(border=True, key="run_error"):
            st.text(visible(run.error))
    with st.container(key="interventions", gap="small"):
        _interventions(detail)
    with st.container(border=True, key="run_ticket", gap="xsmall"):
        st.caption("Ticket, in the customer's words")
        who = detail.ticket.customer_id or "unknown customer"
        st.text(visible(f"{who} · {detail.ticket.external_id}"))
        st.text(visible(detail.ticket.text))
    st.markdown("**Steps**")
    for attempt in detail.attempts:
        _attempt(attempt)
    if not detail.attempts:
        st.text("No step has run yet.")
    _drafts(detail)
    _people(detail)
    deliveries(detail.deliveries)


def _interventions(detail: RunDetail) -> None:
    run_id, can = detail.run.run_id, detail.possible
    if can.can_cancel and session.is_withdrawing(run_id):
        _confirm_cancelling(run_id)
        return
    with st.container(horizontal=True, gap="small"):
        if can.can_retry:
            st.button(
                "Ask a person again" if can.retry_asks else "Retry",
                key=f"retry_{run_id}",
                on_click=steering.retry_run,
                args=(run_id,),
            )
        if can.can_cancel:
            st.button(
                "Cancel run",
                key=f"cancel_{run_id}",
                on_click=steering.start_cancelling,
                args=(run_id,),
            )


def _confirm_cancelling(run_id: int) -> None:
    note_key = f"cancel_note_{run_id}"
    with st.container(border=True, key="cancelling", gap="small"):
        st.text(f"Cancel run {run_id}? Nothing of it will be delivered, and that is final.")
        st.text_input("Why (optional)", key=note_key, max_chars=500)
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Yes, cancel it",
                key=f"confirm_cancel_{run_id}",
                type="primary",
                on_click=steering.cancel_run,
                args=(run_id, note_key),
            )
            st.button("Keep it", key=f"keep_{run_id}", on_click=steering.keep_run)


def _attempt(attempt: AttemptView) -> None:
    title = STEP_TITLES.get(attempt.name, words.label(attempt.name))
    ran = attempt.status is StepStatus.OK
    visit = f", visit {attempt.visit}" if attempt.visit > 1 else ""
    parts = [
        f"**{title}**",
        f"attempt {attempt.attempt}{visit}",
        "ran" if ran else f":red[{attempt.status.value}]",
        words.duration(attempt.latency_ms),
    ]
    if attempt.input_tokens or attempt.output_tokens:
        parts.append(f"{attempt.input_tokens} + {attempt.output_tokens} tokens")
        parts.append(f"{attempt.cost_microusd / 1e6:.4f} USD")
    key = f"attempt_{attempt.name}_{attempt.visit}_{attempt.attempt}"
    with st.expander(" · ".join(parts), key=key):
        if attempt.error:
            st.text(visible(f"{attempt.error_class or 'error'}: {attempt.error}"))
        if attempt.output is not None:
            st.json(visible_json(attempt.output), expanded=2)


def _drafts(detail: RunDetail) -> None:
    if not detail.drafts:
        return
    st.markdown("**Drafts**")
    for draft in detail.drafts:
        author = words.label(draft.author)
        with st.expander(f"Revision {draft.revision} by {author}", key=f"draft_{draft.revision}"):
            st.text(visible(draft.reply))
            st.json(visible_json(draft.action.model_dump(mode="json")), expanded=2)
            st.caption(f"SHA-256 {draft.digest}")


def _people(detail: RunDetail) -> None:
    lines = [
        f"#{review.review_id} {review.kind.replace('_', ' ')}, revision {review.revision}:"
        f" {decision.verdict} by {decision.person} at {words.moment(decision.decided_at)}"
        + (f", reason {decision.reason_code}" if decision.reason_code else "")
        + (f", first wrong step {decision.blamed_step}" if decision.blamed_step else "")
        + (", undone" if decision.is_undone else "")
        + (f". {decision.note}" if decision.note else "")
        for review in detail.reviews
        for decision in review.decisions
    ]
    waiting = [review for review in detail.reviews if not review.decisions]
    lines += [
        f"#{review.review_id} {review.kind.replace('_', ' ')}, revision {review.revision}:"
        f" {review.status.replace('_', ' ')}"
        for review in waiting
    ]
    if lines:
        st.markdown("**People**")
        st.text(visible("\n".join(lines)))

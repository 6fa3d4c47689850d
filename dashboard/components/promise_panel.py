"""What can be promised of automatic actions, and how the promises that were made stand.

A promise is certified on the drafts that the audit coin drew, or there is an honest abstention with
what it would take. A broken one is reopened by managers, after one question in place.
"""

from datetime import datetime

import streamlit as st

from dashboard import identity, session, steering, words
from dashboard.actions import drop_question
from dashboard.components.threshold import level, limit
from dashboard.strangers import visible
from dashboard.trying import LIMITS, Tried
from store import certificates, promises
from store.certificates import CertificateView
from store.evidence.sampling import AuditPlan, plan_audits
from store.gate import PolicyBody
from store.past import ALL
from store.promises import Watched
from store.reports.policy import CurvePoint
from store.reports.recommending import Recommendation

NOTE = "reopen_note"
_LIMITS = {limit(share): share for share in LIMITS}
_USUAL = limit(0.02)


def promise_choice(body: PolicyBody, kind: str) -> float:
    """Draw the choice of how many wrong are promised at most; return it as a share."""
    made = body.promises.get(kind)
    usual = next((name for name, share in _LIMITS.items() if made and share == made.max_error), "")
    st.markdown(
        "**Promise:** wrong at most",
        help="Of what goes out alone, at most this share is wrong, with 95 % assurance: exact"
        " binomial tests in a fixed sequence (Learn-then-Test) on audited drafts.",
    )
    chosen = st.segmented_control(
        "At most this share wrong",
        list(_LIMITS),
        default=usual or _USUAL,
        required=True,
        key="limit",
        label_visibility="collapsed",
        bind="query-params",
    )
    return _LIMITS[chosen or _USUAL]


def recommended(found: Recommendation, value: float, tried: Tried) -> None:
    """Draw the certified threshold with a button that goes there, or why there is none."""
    best = found.certified
    if tried.points and not tried.points[0].automatic:
        st.text("Under these rules nothing goes out alone, so there is nothing to promise.")
        return
    if found.threshold is None:
        st.markdown(f"### {_abstention(found)}")
    else:
        st.markdown(f"### :green[Certified above {level(found.threshold)}]")
    st.text(found.reason)
    if found.judged:
        tested = ""
        if found.threshold is None:
            tested = f" Tested from {level(best.start)}: {best.wrong} wrong of {best.sent} there."
        st.caption(
            f"Audit sample: {words.count(found.drawn)} drafts drawn, {words.count(found.judged)}"
            f" judged{_days(found)}.{tested}"
        )
    known = {point.threshold for point in tried.points}
    if found.threshold is not None and found.threshold in known:
        st.button(
            f"Move the slider to {level(found.threshold)}",
            key=f"take_certified_{found.kind}",
            disabled=found.threshold == value,
            on_click=steering.move_threshold,
            args=(found.kind, found.threshold),
        )


def planner(tried: Tried, found: Recommendation, body: PolicyBody, value: float) -> None:
    """Draw how many drafts are audited, and what another rate would certify by when."""
    said = "No draft is drawn for an audit, so nobody checks what is sent alone."
    if body.audit_rate:
        said = (
            f"{words.percent(body.audit_rate)} of all drafts are drawn by id before anyone sees the"
            " confidence."
        )
    point = next((one for one in tried.points if one.threshold == value), None)
    plans = _plans(tried, found, body, point) if point is not None else ()
    here = next((plan for plan in plans if plan.rate == body.audit_rate), None)
    if here is not None and here.half_width is not None:
        said = f"{said} At this rate a week gives ±{100 * here.half_width:.1f} pp."
    st.text(said)
    if not plans:
        st.text("What another rate would give is unknown until 30 audits are judged.")
        return
    st.dataframe(
        {
            "audit rate": [words.percent(plan.rate) for plan in plans],
            "drafts drawn a week": [round(plan.labels) for plan in plans],
            "extra work: audits a week": [round(plan.audits) for plan in plans],
            "a week gives": [_half(plan) for plan in plans],
            f"certifies {limit(found.promise.max_error)}": [_weeks(plan) for plan in plans],
        },
        hide_index=True,
        key="audit_plans",
        alt="Audits a week and what they certify, by audit rate",
    )
    st.caption(
        "From none, at the threshold on the slider; what is certified above rests on audits already"
        " judged. Of the drafts drawn, audits are those that went out alone. Assumed: error"
        " rate and share sent alone stay as measured; certified with a chance of 80 % by then. The"
        " audit rate is edited under Rules and caps."
    )


def _plans(
    tried: Tried, found: Recommendation, body: PolicyBody, point: CurvePoint
) -> tuple[AuditPlan, ...]:
    wrong = point.wrong
    if wrong.rate is None or not wrong.has_enough:
        return ()
    rates = sorted({0.01, 0.02, 0.05, 0.1, 0.2} | ({body.audit_rate} - {0.0}))
    return plan_audits(
        7 * tried.trial.gated / tried.trial.history.days,
        point.automatic_share,
        wrong.rate,
        found.promise.max_error,
        found.promise.assurance,
        rates=rates,
    )


def _half(plan: AuditPlan) -> str:
    return words.UNKNOWN if plan.half_width is None else f"±{100 * plan.half_width:.1f} pp"


def _weeks(plan: AuditPlan) -> str:
    if plan.weeks is None:
        return "never at this error rate"
    return "in 1 week" if plan.weeks == 1 else f"in {words.count(plan.weeks)} weeks"


def _abstention(found: Recommendation) -> str:
    if found.rate is None:
        return "Cannot be known"
    if found.labels_needed is None:
        return "Not at this error rate"
    return "Not certified yet"


def _days(found: Recommendation) -> str:
    if found.since is None or found.until is None:
        return ""
    return f", {words.days(found.since.date(), found.until.date())}"


def suspended_promises(now: datetime) -> None:
    """Draw each broken promise in red, for managers with a way to reopen."""
    with st.container(key="suspended", gap="small"):
        for one in session.read(certificates.certificates):
            if one.is_suspended:
                with st.container(border=True, key=f"suspended_{one.id}", gap="small"):
                    _suspended(one, now)


def _suspended(one: CertificateView, now: datetime) -> None:
    about = "Everything" if one.kind == ALL else f"Every {words.kind(one.kind)}"
    since = words.clock(one.moved_at, now) if one.moved_at else ""
    st.markdown(f":red[**Suspended: {words.label(certificates.promised(one).lower())}**]")
    st.text(
        visible(
            f"Since {since} UTC: {one.why}. {about} goes to a person until a manager reopens it."
        )
    )
    if not identity.is_managing():
        return
    if not session.is_asked(("reopen", one.id)):
        st.button(
            "Reopen…",
            key=f"reopen_{one.id}",
            on_click=steering.ask_reopen,
            args=(one.id,),
        )
        return
    st.text(
        "Reopen? Drafts of this kind go out alone again wherever the policy lets them. The promise"
        " stays broken: a new one is made by publishing."
    )
    st.text_input("Why", key=NOTE, placeholder="One line for the record", max_chars=200)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Yes, reopen it",
            key="confirm_reopen",
            type="primary",
            on_click=steering.reopen,
            args=(one.id, NOTE),
        )
        st.button("Back", key="back_reopen", shortcut="Esc", on_click=drop_question)


def standing_promises(now: datetime) -> None:
    """Draw each promise that holds, with the audits since."""
    for one in session.read(promises.watched):
        st.text(_standing(one, now))


def _standing(one: Watched, now: datetime) -> str:
    made = one.certificate
    about = "" if made.kind == ALL else f" ({words.kind(made.kind)})"
    since = words.clock(made.issued_at, now)
    return (
        f"Promised: at most {limit(made.promise.max_error)} wrong{about}, holds since {since} UTC."
        f" {one.wrong} wrong of {words.count(one.audited)} audits since."
    )

"""The audit planner: how many drafts are audited, and what another rate would certify by when."""

import streamlit as st

from dashboard import words
from dashboard.components.threshold import limit
from dashboard.trying import Tried
from store.evidence.rare_errors import WrongRate
from store.evidence.sampling import AuditPlan, plan_audits
from store.gate import PolicyBody
from store.reports.policy import CurvePoint
from store.reports.recommending import Recommendation


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
    if point is None or not plans:
        st.text("What another rate would give is unknown until 30 audits are judged.")
        return
    most = found.promise.max_error
    is_low_enough = _assumed(point.wrong, most) < most
    st.dataframe(
        {
            "audit rate": [words.percent(plan.rate) for plan in plans],
            "drafts drawn a week": [round(plan.labels) for plan in plans],
            "extra work: audits a week": [round(plan.audits) for plan in plans],
            "a week gives": [_half(plan) for plan in plans],
            f"certifies {limit(most)}": [
                _weeks(plan, is_low_enough=is_low_enough) for plan in plans
            ],
        },
        hide_index=True,
        key="audit_plans",
        alt="Audits a week and what they certify, by audit rate",
    )
    st.caption(
        "From none, at the threshold on the slider; what is said beside the promise starts from the"
        " audits already judged, at the threshold that needs fewest more. Of the drafts drawn,"
        " audits are those that went out alone. Assumed in both: the errors measured and half a one"
        " more, the share sent alone as measured, and certified with a chance of 80 %. The audit"
        " rate is edited under Rules and caps."
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
        _assumed(wrong, found.promise.max_error),
        found.promise.max_error,
        found.promise.assurance,
        rates=rates,
    )


def _assumed(wrong: WrongRate, most: float) -> float:
    """Return the error rate as `labels_needed` assumes it: no error in a few audits is not none."""
    assert wrong.rate is not None
    more = (wrong.rate * wrong.labelled + 0.5) / (wrong.labelled + 1)
    return more if more < most else wrong.rate


def _half(plan: AuditPlan) -> str:
    return words.UNKNOWN if plan.half_width is None else f"±{100 * plan.half_width:.1f} pp"


def _weeks(plan: AuditPlan, *, is_low_enough: bool) -> str:
    if plan.weeks is None:
        return "not in ten years" if is_low_enough else "never at this error rate"
    return "in 1 week" if plan.weeks == 1 else f"in {words.count(plan.weeks)} weeks"

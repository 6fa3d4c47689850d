"""Rules and caps of a candidate policy; what is typed here is tried on history like the slider."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import streamlit as st

from dashboard import words
from dashboard.strangers import visible
from store.gate import AmountRule, PolicyBody
from store.money import decimals
from store.transitions import Outcome

_PERSON, _BLOCK, _ALWAYS = "to a person above", "blocked above", "always a person"
_OUTCOMES = {_PERSON: Outcome.ESCALATE, _BLOCK: Outcome.BLOCK}


def rules_editor(base: PolicyBody, kinds: Sequence[str], *, suffix: str) -> PolicyBody:
    """Draw the rules of a policy to edit; return it as edited. `suffix` is part of every key."""
    caps, table = st.columns([30, 70], gap="medium")
    with caps:
        edited = _caps(base, suffix)
    with table:
        return _by_kind(edited, kinds, suffix)


def _caps(base: PolicyBody, suffix: str) -> PolicyBody:
    currency = base.currency
    changed: dict[str, Any] = {}
    for field, label, say in (
        ("daily_cap_minor", f"Alone per customer and day at most, {currency}", None),
        ("two_person_above_minor", f"Two people must approve above, {currency}", None),
    ):
        was = getattr(base, field)
        typed = st.number_input(
            label,
            min_value=0.0,
            max_value=1e12,
            value=_major(was, currency),
            step=10.0,
            format="%.10g",
            help=say,
            key=f"{field}_{suffix}",
        )
        changed[field] = _minor(typed, currency)
    rate = st.number_input(
        "Audited blind, % of all drafts",
        min_value=0.0,
        max_value=100.0,
        value=round(100 * base.audit_rate, 6),
        step=0.5,
        format="%.10g",
        help="The audit coin draws by id, before anybody sees the confidence.",
        key=f"audit_rate_{suffix}",
    )
    if rate != round(100 * base.audit_rate, 6):
        changed["audit_rate"] = rate / 100
    return base.model_copy(update=changed)


def _by_kind(base: PolicyBody, kinds: Sequence[str], suffix: str) -> PolicyBody:
    known = sorted({*kinds, *base.always_person, *(rule.kind for rule in base.amount_rules)})
    if not known:
        st.text("No action kind is known yet.")
        return base
    before = [row(base, kind) for kind in known]
    money = st.column_config.NumberColumn(min_value=0, format="%.10g", help="Empty: no limit")
    after = st.data_editor(
        {
            "action": [visible(words.kind(kind)) for kind in known],
            **{column: [one[column] for one in before] for column in (_PERSON, _BLOCK, _ALWAYS)},
        },
        hide_index=True,
        disabled=["action"],
        num_rows="fixed",
        placeholder="no limit",
        key=f"rules_{suffix}",
        column_config={_PERSON: money, _BLOCK: money},
        alt=f"Rules by action kind, amounts in {base.currency}",
    )
    st.caption(f"Amounts in {base.currency}. Thresholds of single kinds: choose the kind above.")
    columns = {column: list(after[column]) for column in (_PERSON, _BLOCK, _ALWAYS)}
    rows = {
        kind: {column: values[place] for column, values in columns.items()}
        for place, kind in enumerate(known)
    }
    return with_rows(base, rows)


def row(body: PolicyBody, kind: str) -> dict[str, Any]:
    """Return what a policy says of one action kind, amounts in major units. Pure."""
    found: dict[str, Any] = {}
    for column, outcome in _OUTCOMES.items():
        limits = [
            rule.above_minor
            for rule in body.amount_rules
            if rule.kind == kind and rule.outcome is outcome
        ]
        found[column] = _major(min(limits), body.currency) if limits else None
    return {**found, _ALWAYS: kind in body.always_person}


def with_rows(body: PolicyBody, rows: Mapping[str, Mapping[str, Any]]) -> PolicyBody:
    """Return the policy with what the table says; what a row leaves alone stays as it is. Pure."""
    rules, always = list(body.amount_rules), list(body.always_person)
    for kind, edited in rows.items():
        was = row(body, kind)
        for column, outcome in _OUTCOMES.items():
            now = _amount(edited[column])
            if now == was[column]:
                continue
            rules = [one for one in rules if (one.kind, one.outcome) != (kind, outcome)]
            if now is not None:
                above = _minor(now, body.currency)
                rules.append(AmountRule(kind=kind, above_minor=above, outcome=outcome))
        if bool(edited[_ALWAYS]) != was[_ALWAYS]:
            always = [one for one in always if one != kind]
            always += [kind] if edited[_ALWAYS] else []
    return body.model_copy(update={"amount_rules": tuple(rules), "always_person": tuple(always)})


def _amount(value: Any) -> float | None:
    """Return a cell as a number, None where it was emptied (which comes as NaN)."""
    return None if value is None or math.isnan(value) else float(value)


def _major(minor: int, currency: str) -> float:
    return float(Decimal(minor).scaleb(-decimals(currency)))


def _minor(major: float, currency: str) -> int:
    return int(Decimal(repr(float(major))).scaleb(decimals(currency)).to_integral_value())

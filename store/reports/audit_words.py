"""What the audit trail's tags mean in words, for pages, exports and searches. Pure.

A tag that is not listed reads as its own words, so that a new one never shows as nothing.
"""

import json
from collections.abc import Mapping
from typing import Any

WORDS: Mapping[str, str] = {  # read after the actor's name: "Ana approved a draft"
    "run:draft:passed": "passed a draft: it goes out alone",
    "run:review:opened_escalation": "sent a draft to a person",
    "run:review:opened_audit": "drew a draft for a blind audit",
    "run:review:opened_second_look": "asked for a second look",
    "run:review:opened_seeded": "put a test card in the queue",
    "run:review:opened_stale": "sent a draft back: the world had changed",
    "run:review:opened_unknown_delivery": "asked a person whether a delivery happened",
    "run:review:approve": "approved a draft",
    "run:review:edit": "edited and approved a draft",
    "run:review:reject": "rejected a draft",
    "run:review:right": "found an audited draft right",
    "run:review:wrong": "found an audited draft wrong",
    "run:review:undone": "took a decision back",
    "run:review:awaiting_second": "approved as the first of two people",
    "run:redraft:asked": "asked the agent for a second draft",
    "run:review:happened": "said that the delivery happened",
    "run:review:send_again": "said that it did not happen: send again",
    "run:review:reverse": "asked to reverse what was sent",
    "run:review:reminded": "found a card nearly overdue",
    "run:review:rerouted": "offered an overdue card to everybody",
    "run:review:held": "kept a card for a manager: nobody came",
    "run:review:assigned": "gave a card to somebody, or back to everybody",
    "run:review:snoozed": "put a card off, or back on the list",
    "run:noted": "left a note",
    "run:seeded:approve": "missed a check card: approved it",
    "run:seeded:edit": "caught a check card: edited it",
    "run:seeded:reject": "caught a check card: rejected it",
    "run:seeded:opened": "opened a check card",
    "run:action:sent": "carried out an action",
    "run:action:failed": "could not carry out an action: refused for good",
    "run:action:unknown": "does not know whether an action happened",
    "run:action:stale": "held an action: the world had changed",
    "run:action:refused": "refused an action without a valid authorisation",
    "run:action:held_back": "held an action back",
    "run:action:reversed": "reversed an action",
    "run:action:cancelled": "cancelled an action before it went out",
    "run:retried": "had a run tried again",
    "run:cancelled": "cancelled a run",
    "run:dead": "gave a run up: it crashed its worker while alone",
    "hold:set": "stopped automatic delivery",
    "hold:released": "let automatic delivery go on",
    "policy:published": "published a policy",
    "policy:proposed": "proposed a policy",
    "policy:withdrawn": "withdrew a proposed policy",
    "policy:overtaken": "published another policy instead of a proposed one",
    "calibrator:saved": "saved a calibrator",
    "person:signed_in": "signed in",
    "person:signed_out": "signed out",
    "person:changed": "changed who may decide",
    "person:registered": "changed who may decide",
    "company:registered": "registered the company",
    "backup:made": "made a backup",
    "backup:restored": "restored a backup",
}
FAMILIES: Mapping[str, tuple[str, ...]] = {  # by the beginning of the tag; the first that fits
    "reviews opened": ("run:review:opened_",),
    "clocks": ("run:review:reminded", "run:review:rerouted", "run:review:held"),
    "working together": ("run:review:assigned", "run:review:snoozed", "run:noted"),
    "decisions": ("run:review:",),
    "gate passes": ("run:draft:",),
    "deliveries": ("run:action:",),
    "runs": ("run:",),
    "holds": ("hold:",),
    "policies": ("policy:",),
    "setup and backups": ("company:", "calibrator:", "backup:", "model:", "tool:", "person:"),
}
OTHER = "other"
_GOOD = {"approve", "edit", "right", "happened", "awaiting_second"}  # what a person let through
_BAD = {"dead", "reject", "wrong", "failed", "unknown", "refused", "cancelled", "set", "reverse"}
_ODD = {"undone", "stale", "held_back", "reversed", "send_again", "restored", "retried"}
_HIDDEN = {
    "digest",
    "draft",
    "decision",
    "review",
    "action",
    "new_review",
    "body",
    "signature",
    "verdict",
}
_FIRST = ("tool", "error", "reason", "note")  # before the rest, which stands by name
_CODES = {"reason", "blamed_step", "kind"}  # words written with underscores
_NAMES = {"blamed_step": "first wrong step", "tool": "", "note": ""}
_CLIP = 160


def wording(tag: str) -> str:
    """Return what happened, to be read after the actor's name."""
    known = WORDS.get(tag)
    return known or tag.removeprefix("run:").replace(":", " ").replace("_", " ")


def family_of(tag: str) -> str:
    """Return the family that the filter offers for this tag."""
    for family, beginnings in FAMILIES.items():
        if tag.startswith(beginnings):
            return family
    return OTHER


def tone(tag: str) -> str:
    """Return how a tag is marked: "good", "bad", "odd", or "" for the ordinary course."""
    last = tag.rsplit(":", 1)[-1]
    if last in _GOOD:
        return "good"
    if last in _BAD:
        return "bad"
    return "odd" if last in _ODD or last.endswith(("stale", "unknown_delivery")) else ""


def about(subject: str) -> str:
    """Return what an entry is about: `run:17` reads "run 17"."""
    return subject.replace(":", " ", 1)


def detail(body: str) -> str:
    """Return the facts of an entry worth a line; ids and digests are left to the full view."""
    facts = parsed(body)
    names = [
        *(name for name in _FIRST if name in facts),
        *sorted(set(facts) - set(_FIRST) - _HIDDEN),
    ]
    said = [_fact(name, facts[name]) for name in names]
    line = " · ".join(part for part in said if part)
    return line if len(line) <= _CLIP else line[: _CLIP - 1] + "…"


def parsed(body: str) -> dict[str, Any]:
    """Return the facts of an entry; what is no JSON object any more reads as it stands."""
    try:
        facts = json.loads(body)
    except (TypeError, ValueError):
        return {"unreadable": str(body)}
    return facts if isinstance(facts, dict) else {"unreadable": str(body)}


def _fact(name: str, value: object) -> str:
    label = _NAMES.get(name, name.replace("_", " "))
    if value is None or value is False or value in ("", {}, []) or (name, value) == ("attempt", 1):
        return ""
    if value is True:
        return label.removeprefix("is ")
    if isinstance(value, float):
        return f"{label} {value:.2f}"
    if isinstance(value, dict | list):
        return f"{label} {json.dumps(value, ensure_ascii=False)}"
    said = str(value).replace("_", " ") if name in _CODES else str(value)
    return f"{label} {said}".strip()

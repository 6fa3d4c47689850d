"""`policy recommend`, `preview`, `reopen` and `shadow`: what a policy may promise and would do."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.context import Home, Json, clock, opened
from agents.cli.out import console, print_json, safe, table, visible
from agents.cli.policy_file import Manager, policy_from

if TYPE_CHECKING:
    from store.reports.policy import Effect, Preview
    from store.shadows import Comparison, ShadowView

DAYS = 28
_SHOWN = 20  # flips in the table; `--json` has up to 200
group = typer.Typer(no_args_is_help=True)

PolicyFile = Annotated[
    Path, typer.Argument(help="The policy as JSON.", exists=True, dir_okay=False, metavar="FILE")
]


@group.callback()
def shadow_root() -> None:
    """A candidate beside the live policy: it judges every new draft and decides nothing."""


def recommend(
    max_error: Annotated[
        float, typer.Option(min=0.0001, max=0.4999, help="At most this share wrong.")
    ] = 0.02,
    assurance: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="How sure that has to be.")
    ] = 0.95,
    kind: Annotated[str, typer.Option(help="Of this action kind only.")] = "*",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Name the laxest threshold at which a promise is certified on audits, or why none is."""
    from store import holds, policies
    from store.errors import BadInput
    from store.gate import Promise
    from store.reports import recommending

    promise = Promise(max_error=max_error, assurance=assurance)
    with opened(home) as store:
        known = sorted(store.read(holds.kinds))
        if kind not in ("*", *known):
            raise BadInput(f"There is no action kind `{kind}`. Known: {', '.join(known)}.")
        body = store.read(policies.active).body
        found = store.read(recommending.recommend, body, promise, kind=kind, now=clock())
        document = store.read(recommending.as_json, found, body, now=clock())
    if as_json:
        print_json({"ok": True, **document})
        return
    said = f"Threshold {found.threshold:.3g}. " if found.threshold is not None else ""
    console().print(safe(f"{said}{found.reason}"))


def preview(file: PolicyFile, home: Home = None, as_json: Json = False) -> None:
    """Try a policy on the drafts of the last four weeks, beside the active one. Changes nothing."""
    from store import certificates, policy_kinds
    from store.reports import policy as history

    body = policy_from(file)
    with opened(home) as store:
        store.read(policy_kinds.require_known, body)
        seen = store.read(history.preview, body, since=clock() - timedelta(days=DAYS))
        suspended = store.read(certificates.suspended_kinds)
    if as_json:
        print_json({"ok": True, **_document(seen), "suspended": suspended})
        return
    _print_preview(seen)
    _print_suspended(suspended, "Neither policy is counted with that.")


def reopen(
    certificate: Annotated[int, typer.Argument(min=1, help="The suspended certificate.")],
    person: Manager,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Let go out alone again what a broken promise stopped; the promise stays broken."""
    from store import certificates

    with opened(home, urgent=True) as store:
        store.transact(certificates.reopen, certificate, person=person, note=note, now=clock())
        found = store.read(certificates.certificate, certificate)
    if as_json:
        print_json({"ok": True, "certificate": found.id, "state": found.move})
    else:
        typer.echo(f"Certificate {certificate} is reopened. Its promise is not made any more.")


@group.command("start")
def shadow_start(
    file: PolicyFile,
    person: Manager,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Let a policy from a file judge beside the live one from now on."""
    from store import policy_kinds, shadows

    body = policy_from(file)
    with opened(home, urgent=True) as store:
        store.read(policy_kinds.require_known, body)
        number = store.transact(shadows.start, body, person=person, note=note, now=clock())
    if as_json:
        print_json({"ok": True, "shadow": number})
    else:
        typer.echo(f"Shadow {number} judges every new draft from now on. It decides nothing.")


@group.command("stop")
def shadow_stop(person: Manager, home: Home = None, as_json: Json = False) -> None:
    """Stop the shadow that runs; what it said stays."""
    from store import shadows
    from store.errors import NotFound

    with opened(home, urgent=True) as store:
        running = store.read(shadows.running)
        if running is None:
            raise NotFound("No shadow policy runs. Nothing was changed.")
        store.transact(shadows.stop, running.id, person=person, now=clock())
    if as_json:
        print_json({"ok": True, "shadow": running.id})
    else:
        typer.echo(f"Shadow {running.id} is stopped. What it said stays.")


@group.command("show")
def shadow_show(home: Home = None, as_json: Json = False) -> None:
    """Compare the shadow that runs, or ran last, with the live policy."""
    from store import certificates, shadows

    with opened(home) as store:
        suspended = store.read(certificates.suspended_kinds)
        known = store.read(shadows.known)
        compared = store.read(shadows.compare, known[0].id) if known else None
    if as_json:
        shown = _shadow(known[0], compared) if known and compared else None
        print_json({"ok": True, "shadow": shown, "suspended": suspended})
    elif known and compared:
        _print_shadow(known[0], compared)
        _print_suspended(suspended, "The live policy is counted with that, the shadow without.")
    else:
        typer.echo("No shadow policy was ever started.")


def _shadow(one: "ShadowView", compared: "Comparison") -> dict[str, Any]:
    return {
        "id": one.id,
        "author": one.author,
        "note": one.note,
        "started_at": one.started_at,
        "stopped_at": one.stopped_at,
        "policy": one.body.model_dump(mode="json"),
        **asdict(compared),
    }


def _print_shadow(one: "ShadowView", compared: "Comparison") -> None:
    state = "runs" if one.stopped_at is None else "was stopped"
    rows = [
        ("judged by both", str(compared.judged)),
        ("sent alone, live", str(compared.automatic_live)),
        ("sent alone, shadow", str(compared.automatic_shadow)),
        ("a person got it, the shadow would send it", str(compared.to_automatic)),
        ("went out alone, the shadow would stop it", str(compared.to_person)),
        ("right, of live's", _rate(asdict(compared.right_live), "right")),
        ("right, of the shadow's", _rate(asdict(compared.right_shadow), "right")),
    ]
    head = f"Shadow {one.id} {state}, by {one.author}"
    console().print(table(visible(head), ("what", "drafts"), rows))


def _document(seen: "Preview") -> dict[str, Any]:
    said = asdict(seen)
    for flip, shown in zip(seen.flips, said["flips"], strict=True):
        shown["reasons"] = [reason.model_dump(mode="json") for reason in flip.reasons]
    return said


def _print_preview(seen: "Preview") -> None:
    gated = seen.now.gated
    if not gated:
        typer.echo("No draft was gated in the last four weeks, so there is nothing to try it on.")
        return
    rows = [
        ("sent alone", _share(seen.now), _share(seen.then)),
        ("cards a day", f"{seen.now.cards_per_day:.1f}", f"{seen.then.cards_per_day:.1f}"),
        (
            "wrong, of those sent alone",
            _rate(asdict(seen.now.wrong), "wrong"),
            _rate(asdict(seen.then.wrong), "wrong"),
        ),
    ]
    head = f"On {gated} drafts of {seen.days:.0f} days"
    console().print(table(head, ("what", "active policy", "this one"), rows))
    console().print(
        f"{seen.flips_to_automatic} would go out alone that did not,"
        f" {seen.flips_to_person} to a person."
    )
    if seen.flips:
        flips = [
            (
                str(flip.run_id),
                flip.title,
                flip.action_kind,
                f"{flip.now} → {flip.then}",
                {None: "unknown", True: "right", False: "wrong"}[flip.is_right],
            )
            for flip in seen.flips[:_SHOWN]
        ]
        columns = ("run", "case", "action", "now → then", "was it right")
        console().print(table("The newest of them", columns, flips))


def _print_suspended(kinds: list[str], counted: str) -> None:
    """Say what goes to a person whatever a policy says, and how far the figures above know it."""
    if not kinds:
        return
    what = "everything" if "*" in kinds else ", ".join(f"every {kind}" for kind in kinds)
    console().print(
        f"A promise is suspended: until a manager reopens it, {what} goes to a person. {counted}"
    )


def _share(effect: "Effect") -> str:
    return f"{100 * (effect.automatic_share or 0):.1f} % ({effect.automatic})"


def _rate(found: dict[str, Any], what: str) -> str:
    """Return a rate with its range, the counts alone below 30, or that nothing is known."""
    if not found["labelled"]:
        return "unknown"
    counts = f"{found[what]} of {found['labelled']}"
    if found["labelled"] < 30 or found["rate"] is None:
        return counts
    rate, low, high = (100 * found[name] for name in ("rate", "low", "high"))
    return f"{rate:.1f} % ({low:.1f}–{high:.1f} %, {counts})"

"""`policy show`, `publish`, `approve`, `withdraw`: the gate's rules, by version.

What a policy may promise and would do, and shadow policies, stand in `policy_evidence`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli import policy_evidence
from agents.cli.context import HIGHEST, Home, Json, clock, opened
from agents.cli.out import console, print_json, safe, table
from agents.cli.policy_file import Manager, rules_from, validated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.certificates import CertificateView
    from store.policies import PolicyVersion

group = typer.Typer(no_args_is_help=True)

Proposal = Annotated[
    int, typer.Argument(min=1, max=HIGHEST, metavar="VERSION", help="The proposed version.")
]


@group.callback()
def policy_root() -> None:
    """The gate's rules: threshold, limits, caps. Stored versions never change."""


@group.command("show")
def show(
    version: Annotated[
        int | None, typer.Argument(min=1, max=HIGHEST, help="Else the active one.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show the active policy, or one version, and how its promises stand."""
    from store import certificates, policies

    with opened(home) as store:
        found = (
            store.read(policies.active)
            if version is None
            else store.read(policies.version, version)
        )
        waiting = store.read(policies.proposals)
        promised = _concerning(found, store.read(certificates.certificates))
    if as_json:
        further = {
            "proposals": [proposal.version for proposal in waiting],
            "certificates": [_certificate(one) for one in promised],
        }
        print_json({"ok": True, **_as_json(found), **further})
        return
    head = f"Policy {found.version}, {found.state}, by {found.author}"
    rows = [(name, json.dumps(value)) for name, value in found.body.model_dump(mode="json").items()]
    console().print(table(f"{head}: {found.note}" if found.note else head, ("rule", "value"), rows))
    for proposal in waiting:
        console().print(
            f"Version {proposal.version} is proposed by {proposal.author} and waits for another"
            " manager."
        )
    for one in promised:
        console().print(safe(_stands(one)))


@group.command("publish")
def publish(
    person: Manager,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The policy as JSON, as `policy show --json` prints it under `policy`.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="The confidence a draft must exceed.")
    ] = None,
    audit_rate: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of drafts audited blindly.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Publish a new version: from a file, or the active one with single rules changed.

    A loosening is only proposed where the active policy wants a second manager to agree.
    """
    from store import policies

    asked = {"threshold": threshold, "audit_rate": audit_rate}
    changes = {name: value for name, value in asked.items() if value is not None}
    if file is None and not changes:
        raise typer.BadParameter("Give a FILE, --threshold or --audit-rate.")
    with opened(home, urgent=True) as store:
        base = (
            store.read(policies.active).body.model_dump(mode="json")
            if file is None
            else rules_from(file)
        )
        body = validated({**base, **changes})
        version = store.transact(policies.publish, body, author=person, note=note, now=clock())
        found = store.read(policies.version, version)
        others = store.read(policies.second_managers, person)
    if as_json:
        print_json({"ok": True, **_as_json(found)})
    elif found.published_at is None:
        typer.echo(_proposed(version, others))
    else:
        typer.echo(f"Policy {version} is active. Reviews that wait keep the version they came by.")


def _proposed(version: int, others: list[str]) -> str:
    said = (
        f"Policy {version} is proposed, not active: it loosens the active one, so another manager"
        " must agree."
    )
    if not others:
        return f"{said} There is no other: add one under [people], who can then approve it."
    return f"{said} {' or '.join(others)}: greenlight policy approve {version} --as NAME"


@group.command("approve")
def approve(version: Proposal, person: Manager, home: Home = None, as_json: Json = False) -> None:
    """Make a proposed version the active one, as another manager than its author."""
    from store import policies

    with opened(home, urgent=True) as store:
        store.transact(policies.approve, version, person=person, now=clock())
        found = store.read(policies.version, version)
    if as_json:
        print_json({"ok": True, **_as_json(found)})
    else:
        typer.echo(f"Policy {version} is active. Reviews that wait keep the version they came by.")


@group.command("withdraw")
def withdraw(version: Proposal, person: Manager, home: Home = None, as_json: Json = False) -> None:
    """Close a proposed version without publishing it."""
    from store import policies

    with opened(home, urgent=True) as store:
        store.transact(policies.withdraw, version, person=person, now=clock())
        found = store.read(policies.version, version)
    if as_json:
        print_json({"ok": True, **_as_json(found)})
    else:
        typer.echo(f"Policy {version} is withdrawn. Nothing else changed.")


def _concerning(
    found: "PolicyVersion", known: "Sequence[CertificateView]"
) -> "list[CertificateView]":
    """Return the version's certificates, and every suspended one: those outlive their policy."""
    return [
        one
        for one in known
        if one.is_suspended
        or (one.policy_version == found.version and _state(one) in ("standing", "lapsed"))
    ]


def _state(one: "CertificateView") -> str:
    return "standing" if one.move is None else one.move.value


def _certificate(one: "CertificateView") -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "max_error": one.promise.max_error,
        "state": _state(one),
        "since": one.moved_at or one.issued_at,
        "why": one.why,
    }


def _stands(one: "CertificateView") -> str:
    from store.certificates import promised

    since = f"{one.moved_at or one.issued_at:%Y-%m-%d %H:%M} UTC"
    why = f": {one.why}" if one.why else ""
    said = f"Certificate {one.id}, {_state(one)} since {since}{why}. {promised(one)}"
    if one.is_standing:
        return f"{said} holds."
    if not one.is_suspended:
        return f"{said} says nothing any more."
    return (
        f"{said} no longer holds, so a person gets all of it. To let it go out alone again:"
        f" greenlight policy reopen {one.id} --as NAME"
    )


def _as_json(found: "PolicyVersion") -> dict[str, Any]:
    return {
        "version": found.version,
        "status": found.status.value,
        "state": found.state,
        "author": found.author,
        "note": found.note,
        "proposed_at": found.proposed_at,
        "approved_by": found.approved_by,
        "published_at": found.published_at,
        "policy": found.body.model_dump(mode="json"),
    }


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    group.command("recommend")(policy_evidence.recommend)
    group.command("preview")(policy_evidence.preview)
    group.command("reopen")(policy_evidence.reopen)
    group.add_typer(policy_evidence.group, name="shadow")
    app.add_typer(group, name="policy")

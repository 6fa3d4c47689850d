"""Button callbacks away from the card: publishing, holding, retrying, cancelling, taking back.

Like those of the card, each is one store verb, with arguments frozen when the button was drawn.
"""

from dashboard import actions, identity, session, words
from dashboard.session import Notice, Tried
from store import certificates, holds, interventions, policies, reviews, settings, shadows
from store.gate import PolicyBody
from store.policies import PolicyVersion


def publish(body: PolicyBody, note_key: str, based_on: int) -> None:
    """Publish a policy version, or propose it; the store refuses anybody but a manager.

    `based_on` is the version whose difference to it was on screen.
    """

    def put_out() -> None:
        note = str(session.typed(note_key) or "").strip()
        version = identity.transact(
            policies.publish,
            body,
            author=identity.me(),
            note=note,
            now=session.now(),
            based_on=based_on,
        )
        session.keep(note_key, "")
        if session.read(policies.version, version).published_at is None:
            said = f"Version {version} is proposed. Nothing changes until another manager approves."
            session.notify(Notice("done", said))
        else:
            session.notify(_in_force(version))

    actions.attempt(put_out)


def approve_policy(version: int) -> None:
    """Make a proposed policy the active one; the store refuses its author."""

    def agree() -> None:
        identity.transact(policies.approve, version, person=identity.me(), now=session.now())
        session.notify(_in_force(version))

    actions.attempt(agree)


def withdraw_policy(version: int) -> None:
    """Close a proposed policy unpublished."""

    def close() -> None:
        identity.transact(policies.withdraw, version, person=identity.me(), now=session.now())
        session.notify(Notice("done", f"Version {version} is withdrawn. Nothing else changed."))

    actions.attempt(close)


def _in_force(version: int) -> Notice:
    said = f"Version {version} gates new drafts from now on. Waiting cards keep theirs."
    return Notice("done", said)


def move_threshold(kind: str, value: float | None) -> None:
    """Put the slider of an action kind here; None gives the kind back to the common threshold."""
    tried = session.tried_now()
    tried.moved[kind] = value
    tried.jumps += 1


def rebased(tried: Tried, last: PolicyBody, active: PolicyVersion) -> Tried:
    """Return what was tried on the last policy, tried on the one now in force. Pure.

    What either policy has anyway is not tried any more. Promises are made at the box alone.
    """
    now, wanted = active.body, tried.edited or tried.loaded or last
    edits = {
        name: getattr(wanted, name)
        for name in PolicyBody.model_fields
        if name != "promises" and getattr(wanted, name) != getattr(last, name)
    }
    loaded = now.model_copy(update=edits)
    known = [
        {kind: body.thresholds.get(kind, body.threshold) for kind in tried.moved}
        for body in (last, now)
    ]
    moved = {
        kind: value
        for kind, value in tried.moved.items()
        if all(value != each[kind] for each in known)
    }
    return Tried(active.version, loaded=None if loaded == now else loaded, moved=moved)


def follow(tried: Tried, active: PolicyVersion) -> None:
    """Go on with what was tried, on a version that came into force meanwhile; say so."""
    session.keep_tried(tried)
    if tried.loaded or tried.moved:
        by = active.approved_by or active.author
        said = f"Version {active.version} was published by {by} meanwhile. What you try is compared"
        session.notify(Notice("problem", f"{said} with it now; nothing of yours is published."))


def load_candidate(body: PolicyBody | None) -> None:
    """Try this policy in place of what is on screen; None goes back to the active one."""
    tried = session.tried_now()
    tried.loaded, tried.edited, tried.editing, tried.moved = body, None, None, {}
    tried.loads += 1
    tried.jumps += 1


def start_shadow(body: PolicyBody, based_on: int) -> None:
    """Let a candidate judge beside the live policy; the store refuses anybody but a manager.

    `based_on` is the version whose difference to it was on screen.
    """

    def begin() -> None:
        identity.transact(
            shadows.start, body, person=identity.me(), now=session.now(), based_on=based_on
        )
        said = "The candidate runs beside the live policy from now on. It decides nothing."
        session.notify(Notice("done", said))

    actions.attempt(begin)


def stop_shadow(shadow_id: int) -> None:
    """Stop a shadow policy; what it said stays."""

    def end() -> None:
        identity.transact(shadows.stop, shadow_id, person=identity.me(), now=session.now())
        session.notify(Notice("done", "The shadow policy is stopped. What it said stays."))

    actions.attempt(end)


def ask_reopen(certificate_id: int) -> None:
    """Open the panel that asks whether to reopen what a broken promise stopped."""
    session.ask(("reopen", certificate_id))


def reopen(certificate_id: int, note_key: str) -> None:
    """Let drafts of a broken promise's kind go out alone again; the store refuses operators."""

    def open_again() -> None:
        session.ask(None)
        note = str(session.typed(note_key) or "").strip()
        identity.transact(
            certificates.reopen, certificate_id, person=identity.me(), note=note, now=session.now()
        )
        session.keep(note_key, "")
        session.notify(
            Notice("done", "Reopened. The promise stays broken until a new one is made.")
        )

    actions.attempt(open_again)


def retry_run(run_id: int) -> None:
    """Try a failed or dead run again; what failed in delivery goes to a person instead."""

    def again() -> None:
        done = identity.transact(
            interventions.retry, run_id, person=identity.me(), now=session.now()
        )
        where = (
            "is queued again and goes on after its last recorded step."
            if done.review_id is None
            else f"waits for a new decision: review {done.review_id} is on the queue."
        )
        session.notify(Notice("done", f"Run {run_id} {where}"))

    actions.attempt(again)


def start_cancelling(run_id: int) -> None:
    """Open the inline panel that asks whether to cancel the run."""
    session.withdraw(run_id)


def keep_run() -> None:
    """Close the panel; nothing is recorded."""
    session.withdraw(None)


def cancel_run(run_id: int, note_key: str) -> None:
    """Cancel a run, with the note typed into the panel."""

    def withdraw() -> None:
        session.withdraw(None)
        note = str(session.typed(note_key) or "")
        identity.transact(
            interventions.cancel, run_id, person=identity.me(), note=note, now=session.now()
        )
        session.notify(
            Notice("done", f"Run {run_id} is cancelled. Nothing of it will be delivered.")
        )

    actions.attempt(withdraw)


def ask_hold(kind: str | None) -> None:
    """Open the panel that asks whether to hold automatic delivery of the kind, None for all."""
    session.ask(("hold", kind))


def ask_release(kind: str | None) -> None:
    """Open the panel that asks whether to let automatic delivery go on."""
    session.ask(("release", kind))


def set_hold(kind: str | None, is_held: bool, note_key: str) -> None:
    """Hold automatic delivery, or let it go on; the store refuses anybody but a manager."""

    def brake() -> None:
        session.ask(None)
        note = str(session.typed(note_key) or "").strip()
        identity.transact(
            holds.set_hold,
            person=identity.me(),
            kind=kind,
            is_held=is_held,
            note=note,
            now=session.now(),
        )
        session.keep(note_key, "")
        session.notify(Notice("done", words.hold_changed(kind, is_held=is_held)))

    actions.attempt(brake)


def ask_reversal(action_id: str) -> None:
    """Open the panel that asks whether to take a delivered action back."""
    session.ask(("reverse", action_id))


def reverse(action_id: str, title: str, note_key: str | None = None) -> None:
    """Have a delivered action taken back, with the note typed into the panel if there is one."""

    def take_back() -> None:
        session.ask(None)
        decided = identity.transact(
            reviews.reverse,
            action_id,
            identity.me(),
            decision_id=session.decision_id(action_id, identity.me()),
            note=str(session.typed(note_key) or "").strip() if note_key else "",
            now=session.now(),
            undo_seconds=settings.current().undo_seconds,
        )
        session.spend_id(action_id, identity.me())
        session.notify(actions.outcome(decided, title, review_id=decided.review_id))

    actions.attempt(take_back)

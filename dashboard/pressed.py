"""What a press on the card leads to: a decision, or one of the things around it."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from dashboard import actions, desk, session
from dashboard.payload import Said, Shown
from dashboard.session import Answer, Offer
from store.transitions import Verdict

log = logging.getLogger(__name__)

_VERDICTS = frozenset(Verdict)


def pressed(shown: Shown, sent: Mapping[str, Any], offer: Offer | None = None) -> None:
    """Do what the card sent, if it was sent from the card that is shown."""
    try:
        said = Said.model_validate(sent)
    except ValidationError:
        log.warning("the card sent something that no card of this version sends")
        return
    session.answer(Answer(said.nonce))
    if not shown.fits(said):
        _tell_late(said)
    elif said.act in _VERDICTS:
        actions.decide(shown, said, offer=offer)
    elif (act := _AROUND.get(said.act)) is not None:
        act(shown, said)


def _tell_late(said: Said) -> None:
    """A press on a card that has gone decides nothing; a second press on it says nothing new."""
    line = session.notice()
    if said.act in _VERDICTS and (line is None or line.review_id != said.review_id):
        actions.refuse(said, "That press was meant for the card before, so nothing was decided.")


def _snooze(shown: Shown, said: Said) -> None:
    until = session.now() + timedelta(hours=said.hours or 1)
    desk.snooze(shown.card.review_id, until)


_AROUND: Mapping[str, Callable[[Shown, Said], None]] = {
    "skip": lambda shown, _: desk.skip(shown.card.review_id),
    "assign": lambda shown, said: desk.assign(shown.card.review_id, said.to or None),
    "snooze": _snooze,
    "note": lambda shown, said: desk.add_note(shown.card.run_id, said.note),
    "unsay": lambda shown, _: actions.unsay(shown),
    "redraw": lambda *_: None,
}

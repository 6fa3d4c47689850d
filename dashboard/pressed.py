"""What a press on the card leads to: a decision, or one of the things around it."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from dashboard import actions, desk, identity, session
from dashboard.components.deciding import TOMORROW
from dashboard.payload import Said, Shown
from dashboard.session import Answer, Notice
from store.transitions import Verdict

log = logging.getLogger(__name__)

_VERDICTS = frozenset(Verdict)
LATE = "That press was made on a card that is not here any more, so nothing was decided."


def pressed(sent: Mapping[str, Any]) -> None:
    """Do what the card sent, if it was sent from a card that this session was shown.

    That may be the card before: a press on it that was on its way when the next came still counts,
    and still means what it was made on.
    """
    try:
        said = Said.model_validate(sent)
    except ValidationError:
        log.warning("the card sent something that no card of this version sends")
        return
    session.answer(Answer(said.nonce))
    shown = session.drawn((said.review_id, said.revision))
    if not isinstance(shown, Shown) or not shown.fits(said, identity.me()):
        session.notify(Notice("problem", LATE))
    elif said.act in _VERDICTS:
        actions.decide(shown, said)
    elif (act := _AROUND.get(said.act)) is not None:
        act(shown, said)


def _snooze(shown: Shown, said: Said) -> None:
    now, hours = session.now(), 1 if said.hours is None else said.hours
    until = now + timedelta(hours=hours)
    if hours == TOMORROW:
        until = desk.tomorrow(now, session.offset_minutes())
    desk.snooze(shown.card.review_id, until)


def _follow(shown: Shown) -> None:
    if not actions.follow(shown):
        session.notify(Notice("problem", "Nothing of this case waits any more."))


_AROUND: Mapping[str, Callable[[Shown, Said], None]] = {
    "skip": lambda shown, _: desk.skip(shown.card.review_id),
    "assign": lambda shown, said: desk.assign(shown.card.review_id, said.to or None),
    "snooze": _snooze,
    "note": lambda shown, said: desk.add_note(shown.card.run_id, said.note),
    "follow": lambda shown, _: _follow(shown),
    "unsay": lambda shown, _: actions.unsay(shown),
    "redraw": lambda *_: None,
}

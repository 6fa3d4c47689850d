"""From a phrase to a message as a customer would type it. Pure."""

import re
from collections.abc import Mapping
from random import Random

from agents.demo.phrases import CLOSERS, OPENERS, WITH_ORDER

_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_WORD = re.compile(r"(?<![{\w])[a-z]{5,}(?![\w}])")
_SLOT = re.compile(r"\{(\w+)\}")
_TERSE = 0.14  # share of messages
_SLIPS = (0, 1, 2, 4)  # of the fingers in a message, and how often so many
_SLIP_WEIGHTS = (0.72, 0.16, 0.08, 0.04)


def expand(phrase: str, rng: Random) -> str:
    """Return the phrase with each `(a|b)` chosen and double spaces gone."""
    chosen = _CHOICE.sub(lambda match: rng.choice(match.group(1).split("|")), phrase)
    return re.sub(r" +([?.!,])", r"\1", re.sub(r" {2,}", " ", chosen)).strip()


def compose(phrase: str, slots: Mapping[str, str], rng: Random, *, names_order: bool) -> str:
    """Return a whole message; the values of the slots are never garbled."""
    core = expand(phrase, rng)
    order = rng.choice(WITH_ORDER) if names_order else ""
    if order and core[-1].isalpha():
        core += "."
    if rng.random() < _TERSE:
        message = _lower(core).rstrip(".!") + order
    else:
        message = rng.choice(OPENERS) + core + order + rng.choice(CLOSERS)
    for _ in range(rng.choices(_SLIPS, _SLIP_WEIGHTS)[0]):
        message = _slip(message, rng)
    return fill(message, slots)


def fill(message: str, slots: Mapping[str, str]) -> str:
    """Return the message with every known slot filled in; raise KeyError for an unknown one."""
    return _SLOT.sub(lambda match: slots[match.group(1)], message)


def _lower(text: str) -> str:
    """Lower the case of everything but slots."""
    return "".join(p if p.startswith("{") else p.lower() for p in re.split(r"(\{\w+\})", text))


def _slip(message: str, rng: Random) -> str:
    """Swap two letters, or lose one, in a longer word."""
    words = list(_WORD.finditer(message))
    if not words:
        return message
    word = rng.choice(words)
    at = word.start() + rng.randint(1, len(word.group()) - 3)
    kept = message[at + 1] + message[at] if rng.random() < 0.5 else message[at]
    return message[:at] + kept + message[at + 2 :]

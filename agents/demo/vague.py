"""The same wishes put badly: what a person would have to think twice about.

Data only, by scenario and by the intent of a question. Many of these fit several kinds of ticket
and are said by customers of each, so that nobody can be sure which it is; none stands among the
examples in greenlight.toml. Slots: {item}, {amount}, {address}.
"""

_NOT_RIGHT = (
    "There is something wrong with my order of the {item}.",
    "(I am|I'm) not happy with the {item} I got.",
    "The {item} you sent is (no good|a disappointment).",
    "The {item} from my order does not work.",
)
_NOT_WANTED = (
    "I don't need the {item} after all.",
    "I would rather not have the {item} I ordered.",
    "Please take the {item} back.",
)
_MONEY = (
    "I think I paid more than I should have for the {item}.",
    "Is it right that {amount} (was taken|went off) again?",
    "I am out of pocket by {amount}, (please check|can you explain)?",
    "Please look at the payment of {amount} for the {item}.",
)
_MONEY_BACK = (
    "Where is my money for the {item}?",
    "Please look at the payment of {amount} for the {item}.",
    "You still owe me {amount} for the {item}.",
)
_WAITING = (
    "What about my {item}?",
    "Any news (about|on) the {item}?",
    "How much longer for my order of the {item}?",
    "Is the {item} coming or not?",
)
_GONE = (
    "I have no {item} yet.",
    "What about my {item}?",
    "The {item} is not there, what happens now?",
)
_MEMBERSHIP = (
    "I hardly use the membership.",
    "The membership is (not for me|too much for me).",
    "I do not need to be a member.",
)
_SIZE = ("The {item} does not fit me.", "The {item} I ordered is too wide.")

SAID: dict[str, tuple[str, ...]] = {
    "duplicate_small": _MONEY,
    "duplicate_large": _MONEY,
    "hold": _MONEY,
    "fees": ("What are these two amounts for?",),
    "refund_processing": _MONEY_BACK,
    "refund_done": _MONEY_BACK,
    "on_its_way": _WAITING,
    "preparing": _WAITING,
    "late": _WAITING,
    "lost": _GONE,
    "not_received": _GONE,
    "cancel": (*_NOT_WANTED, "The order of the {item} was a mistake of mine."),
    "cancel_too_late": (*_NOT_WANTED, "The order of the {item} was a mistake of mine."),
    "return": (*_NOT_WANTED, *_SIZE),
    "damaged": _NOT_RIGHT,
    "warranty": _NOT_RIGHT,
    "address": (
        "The {item} (should come|please) to {address}.",
        "I will be at {address} when the {item} comes.",
        "{address} is where I live now.",
    ),
    "address_unsaid": ("I am not at home when the parcel with the {item} comes.",),
    "leave": _MEMBERSHIP,
    "invoice": (
        "I need something on paper for my order of the {item}.",
        "What about the bill for the {item}?",
        "My office asks what I paid for the {item}.",
    ),
}

ASKED: dict[str, tuple[str, ...]] = {"exchange_item": _SIZE}

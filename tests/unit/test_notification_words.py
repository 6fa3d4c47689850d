"""What notifications say: one harmless line, whatever somebody wrote."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.notifications import harmless


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Card 17 is overdue: Charged twice", "Card 17 is overdue: Charged twice"),
        ("€1,084.90 · two people", "€1,084.90 · two people"),
        ("line\r\nSubject: another", "line Subject: another"),
        ("[click](http://evil.test/x)", "click http: evil. test x"),
        ("**bold** _it_ `code` ~no~ > quote", "bold it code no quote"),
        ("<!channel> <@U123> @everyone", "channel U123 everyone"),
        ("a\u202eb\u200bc\ufeffd\x00e\x1b[31mf", "a b c d e 31mf"),
        ("javascript:alert(1)", "javascript:alert 1"),
        ("｜ｗｉｄｅ．ｔｅｓｔ", "wide. test"),
        ("Überweisung nach Ōsaka 大阪", "Überweisung nach Ōsaka 大阪"),
        ("", ""),
    ],
)
def test_markup_links_and_controls_are_taken_out(written: str, said: str) -> None:
    assert harmless(written, 200) == said


@given(st.text())
def test_nothing_but_plain_characters_ever_stays(written: str) -> None:
    line = harmless(written, 80)
    assert len(line) <= 80
    assert not set("\r\n\t<>[]()`*_~#|\\@/!") & set(line)
    assert all(unicodedata.category(one)[0] not in "C" for one in line)


def test_a_long_text_is_cut_with_a_sign_of_it() -> None:
    assert harmless("a" * 50, 10) == "aaaaaaaaa…"

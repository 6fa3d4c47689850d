"""A company's file: every mistake is named, with its line."""

from pathlib import Path

import pytest
import small_company as small
import two_actions

from agents.company import CompanyMistakes, Mistake, check, init, load
from agents.company.lines import find_lines, line_at
from store.errors import BadInput
from store.gate import AmountRule
from store.transitions import Role


def mistakes(folder: Path, *changes: tuple[str, str]) -> list[Mistake]:
    """Write the small company with changes and return its mistakes."""
    toml = small.TOML
    for old, new in changes:
        assert toml.count(old) >= 1, old
        toml = toml.replace(old, new, 1)
    return check(small.write(folder, toml))


def messages(found: list[Mistake]) -> list[str]:
    return [one.message for one in found]


def line_of(text: str, *changes: tuple[str, str]) -> int:
    """Return the line on which a text first stands once the changes are made."""
    toml = small.TOML
    for old, new in changes:
        toml = toml.replace(old, new, 1)
    return 1 + toml[: toml.index(text)].count("\n")


REFUND_ARGS = '{ order_id = "charges.duplicates[0].order_id", amount'


@pytest.mark.parametrize(
    ("old", "new", "words", "lines_below"),
    [
        ('currency = "EUR"', 'curency = "EUR"', "did you mean `currency`?", 0),
        ('Mo = "manager"', 'Mo = "boss"', "'operator', 'manager' or 'admin'", 0),
        ('daily_cap = "150.00"', "daily_cap = 150.0", "must be text in quotes", 0),
        ('daily_cap = "150.00"', 'daily_cap = "150.005"', "more decimals than EUR has", 0),
        ('daily_cap = "150.00"', 'daily_cap = "-1.00"', "below zero", 0),
        ('daily_cap = "150.00"', "threshold = 1.2", "less than or equal to 1", 0),
        ('kind = "refund"', 'kind = "refnd"', "did you mean `refund`?", 0),
        ('above = "100.00"', 'above = "a lot"', "is not an amount", 0),
        ("order_ids = '\\b(TK-\\d{4})\\b'", "order_ids = '(TK'", "not a regular expression", 0),
        ("order_ids = '", "months = '", "found without a pattern", 0),
        ('["{python}", "server.py"]', '["{pyton}"]', "placeholder `{pyton}`", 0),
        (
            '["get_order", "find_charges"]',
            '["get_order", "issue_refund"]',
            "as read and as write",
            0,
        ),
        ('tool = "find_charges"', 'tool = "find_charge"', "did you mean `find_charges`?", 0),
        ('tool = "find_charges"', 'tool = "issue_refund"', "a look-up may only read", 0),
        ('save_as = "charges"', 'save_as = "ticket"', "is taken", 0),
        ('when = "charges.duplicates[1]"', 'when = "charges.["', "not a JMESPath expression", 0),
        ('when = "charges.duplicates[1]"', 'when = "chrges.x"', "did you mean `charges`?", 0),
        ('when = "charges.duplicates[1]"\n', "", "never reached", 3),
        ('action = "refund"\nargs', 'action = "refind"\nargs', "did you mean `refund`?", 0),
        (REFUND_ARGS, "{ customer_id = 'order', amount", "filled in by Greenlight itself", 0),
        ('reply = "Thank you. We', 'reply = "{{ charge }} We', "nothing is known as `charge`", 0),
        ('name = "descaling"', 'name = "shipping_time"', "there twice", 0),
        ('not support it"', 'not support it"\nredraft = "yes"', "must be true or false", 1),
        ("reply = true", "reply = false", "either `action = ...` or `reply = true`", -2),
    ],
)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, words: str, lines_below: int
) -> None:
    found = mistakes(tmp_path, (old, new))
    changed = 1 + small.TOML[: small.TOML.index(old)].count("\n")
    hits = [one.line for one in found if words in one.message]
    assert hits[:1] == [changed + lines_below], found


def test_the_line_is_exact_even_after_long_texts(tmp_path: Path) -> None:
    change = ('title = "How to descale a kettle"', 'titel = "How to descale a kettle"')
    found = mistakes(tmp_path, change)
    lines = [one.line for one in found if "did you mean `title`?" in one.message]
    assert lines == [line_of("titel", change)]


def test_a_mistake_in_a_template_is_named_on_its_own_line(tmp_path: Path) -> None:
    change = ("We are refunding {{ charges.duplicates[0].amount_minor | money }}.", "We {{ are }")
    found = mistakes(tmp_path, change)
    assert [one.line for one in found if "Jinja" in one.message] == [line_of("We {{ are }", change)]


def test_an_element_of_a_long_list_is_named_on_its_own_line(tmp_path: Path) -> None:
    change = ('"There is a double payment on my statement."', "42")
    found = mistakes(tmp_path, change)
    lines = [one.line for one in found if "examples[3]" in one.message]
    assert lines == [line_of("  42", change)]


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        ('currency = "EUR"', 'currency = "euro"'),
        ('Mo = "manager"', 'Mo = "boss"'),
        ('tool = "find_charges"', 'tool = "nothing"'),
        ('when = "charges.duplicates[1]"', 'when = "]"'),
        ('name = "descaling"', 'name = "double_charge"'),
    )
    assert len(found) == 5


def test_too_few_examples_and_a_missing_key_are_named(tmp_path: Path) -> None:
    start = small.TOML.index('  "How often should')
    cut = small.TOML[small.TOML.index('  "There are white flakes') : start]
    found = mistakes(tmp_path, (cut, ""), ('title = "Charged twice"\n', ""))
    assert any("at least 3 different examples" in message for message in messages(found))
    assert any(message == "intents[1].title: it is missing" for message in messages(found))


def test_a_lone_intent_needs_foreign_requests_to_be_told_from(tmp_path: Path) -> None:
    rest = small.TOML[small.TOML.index('[[intents]]\nname = "shipping_time"') :]
    foreign = small.TOML[small.TOML.index("[out_of_scope]") : small.TOML.index("[[servers]]\n")]
    alone = mistakes(tmp_path, (rest, ""), (foreign, ""))
    assert [one.message for one in alone] == [
        "a single intent needs at least 3 requests that are not for this company"
    ]
    few = mistakes(tmp_path, (foreign, '[out_of_scope]\nexamples = ["Hello?"]\n\n'))
    assert any("give none or at least 3" in message for message in messages(few))


def test_no_reply_tool_and_two_reply_tools_are_mistakes(tmp_path: Path) -> None:
    none = mistakes(tmp_path, ("reply = true", 'action = "answer"'))
    assert any("one must send the customer's answer" in message for message in messages(none))
    two = mistakes(tmp_path, ('action = "refund"\ncustomer', "reply = true\ncustomer"))
    assert any("only one may send" in message for message in messages(two))


def test_a_documents_folder_must_exist_and_hold_documents(tmp_path: Path) -> None:
    line = ('currency = "EUR"', 'currency = "EUR"\ndocuments = "papers"')
    assert "the documents folder `papers` does not exist" in messages(mistakes(tmp_path, line))
    (tmp_path / "papers").mkdir()
    assert any("no .md or .txt file" in message for message in messages(mistakes(tmp_path, line)))


def test_syntax_errors_are_named_by_line_and_nothing_is_guessed_after_them(tmp_path: Path) -> None:
    found = check(
        small.write(tmp_path, small.TOML.replace('"EUR"', "EUR").replace('"150.00"', "x"))
    )
    assert [one.line for one in found] == [4, 12]
    assert all(one.message.startswith("not TOML") for one in found)


@pytest.mark.parametrize(
    "text", ["[[intents", 'name = """never closed', "=", "[company]\n[company]"]
)
def test_a_broken_file_never_raises(tmp_path: Path, text: str) -> None:
    assert check(small.write(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "company = 3",
        "intents = [1, 2]\nservers = {}",
        'policy = "x"\nentities = []',
        "[[company]]",
    ],
)
def test_wrong_shapes_are_named_not_raised(tmp_path: Path, text: str) -> None:
    assert len(check(small.write(tmp_path, text))) >= 3


def test_a_folder_without_a_file_says_how_to_make_one(tmp_path: Path) -> None:
    (only,) = check(tmp_path)
    assert "greenlight init" in only.message


def test_loading_a_company_with_mistakes_lists_them_all(tmp_path: Path) -> None:
    small.write(tmp_path, small.TOML.replace('"EUR"', '"E"').replace('"manager"', '"boss"'))
    with pytest.raises(CompanyMistakes, match="2 mistakes") as caught:
        load(tmp_path)
    assert [one.line for one in caught.value.mistakes] == [4, 9]


def test_a_good_company_loads_with_exact_money_and_roles(tmp_path: Path) -> None:
    company = small.small_company(tmp_path)
    assert company.policy.daily_cap_minor == 15_000
    assert company.policy.amount_rules == (AmountRule(kind="refund", above_minor=10_000),)
    assert company.people == {"Ana": Role.OPERATOR, "Mo": Role.MANAGER}
    assert company.documents == (tmp_path / "documents").resolve()
    assert company.reply_tool().name == "send_reply"
    tool = company.write_tool("refund")
    assert tool is not None
    assert tool.amount == "amount_minor"
    assert company.write_tool("nothing") is None


def test_the_starter_company_has_no_mistakes_and_is_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    written = init(folder)
    assert [path.relative_to(folder).as_posix() for path in written] == [
        "greenlight.toml",
        "documents/example.md",
    ]
    assert check(folder) == []
    with pytest.raises(BadInput, match="exists already"):
        init(folder)


def test_lines_are_found_through_strings_that_look_like_tables() -> None:
    text = 'a = """\n[[x]]\nb = 1\n"""\n[[x]]\n"b c".d = 2\n  [[x.y]]\n  e = [\n  1, # one\n  2]\n[[x]]\nf=1'
    places = find_lines(text)
    assert places["a",] == 1
    assert places["x", 0] == 5
    assert places["x", 0, "b c", "d"] == 6
    assert places["x", 0, "y", 0] == 7
    assert (places["x", 0, "y", 0, "e", 0], places["x", 0, "y", 0, "e", 1]) == (9, 10)
    assert places["x", 1, "f"] == 12
    assert line_at(places, ("x", 1, "missing", 3)) == 11


def test_a_company_of_several_actions_and_promises_loads(tmp_path: Path) -> None:
    company = two_actions.two_actions(tmp_path)
    refund = company.write_tool("refund")
    assert refund is not None
    promises = refund.connector
    assert (promises.expected, promises.is_reversible) == ("expected_minor", True)
    assert promises.precondition is not None
    assert promises.precondition.value == "refundable_minor"
    decision = company.intents[0].decisions[1]
    assert [(one.action, list(one.args)) for one in decision.also] == [("cancel", ["order_id"])]


@pytest.mark.parametrize(
    ("old", "new", "words", "marker"),
    [
        (
            '"order_state"\nargs',
            '"order_stat"\nargs',
            "did you mean `order_state`?",
            "precondition]",
        ),
        (
            '"order_state"\nargs',
            '"issue_refund"\nargs',
            "looking must change nothing",
            "precondition]",
        ),
        ('value = "refundable_minor"', 'value = "a["', "not JMESPath", "value ="),
        ('value = "refundable_minor"\n', "", "it is missing", "precondition]"),
        ('"expected_minor"', '"amount_minor"', "`amount_minor` is there twice", "expected ="),
        ('"reverse_refund"\nargs', '"revers_refund"\nargs', "not a write tool", "reversal]"),
        ('"reverse_refund"\nargs', '"send_reply"\nargs', "takes nothing back", "reversal]"),
        ('"reverse_refund"\nargs', '"issue_refund"\nargs', "takes nothing back", "reversal]"),
        ('refusal = "^Refused"', 'refusal = "("', "not a regular expression", "refusal ="),
        ('refusal = "^Ref', 'refusl = "^Ref', "did you mean `refusal`?", "refusl ="),
        (
            'refusal = "^Refused"',
            'lookup = { tool = "find", args = {}, found = "@" }',
            "`find` is not a read tool",
            "lookup =",
        ),
        (
            'key = "idempotency_key"\nrefusal',
            "key_retention_seconds = 60\nrefusal",
            "no `key` that could be remembered",
            "key_retention",
        ),
        ("[policy]", "[policy]\nundo_seconds = { refnd = 5 }", "mean `refund`?", "undo_seconds"),
        ("[policy]", "[policy]\ndelay_seconds = { cancl = 5 }", "mean `cancel`?", "delay_seconds"),
        ("[policy]", "[policy]\nundo_seconds = { refund = -1 }", "greater than", "undo_seconds"),
        ('kind = "refund"', 'kind = "cancel"', "names no `amount` argument", 'kind = "cancel"'),
        ("command = [", 'totals = "ledger"\ncommand = [', "this server's `read`", "totals ="),
        ('action = "cancel", args', 'action = "cancl", args', "did you mean `cancel`?", "also ="),
        ('action = "cancel", args', 'action = "reply_only", args', "no further action", "also ="),
        ('action = "cancel", args', 'when = "charges", args', "unknown key", "also ="),
        ('charges.duplicates[0].order_id" } }]', 'chrges.x" } }]', "mean `charges`?", "also ="),
        (
            'args = { order_id = "charges.duplicates[0].order_id" } }]',
            'args = { customer_id = "order" } }]',
            "filled in by Greenlight itself",
            "also =",
        ),
        ('action = "refund"\nargs', 'action = "cancel"\nargs', "done once only", "also ="),
        ('action = "refund"\nargs', "args", "there are further actions but no first one", "also ="),
    ],
)
def test_a_mistake_in_a_promise_or_a_further_action_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, words: str, marker: str
) -> None:
    toml = two_actions.toml((old, new))
    if words == "done once only":  # the first action's arguments must be the same for that
        toml = toml.replace(', amount_minor = "charges.duplicates[0].amount_minor" }', " }")
    found = check(small.write(tmp_path, toml))
    lines = [n for n, line in enumerate(toml.split("\n"), 1) if marker in line]
    hits = [one.line for one in found if words in one.message]
    assert hits, found
    assert hits[0] in lines, found


@pytest.mark.parametrize(
    ("old", "new", "words", "tool"),
    [
        ('expected = "expected_minor"\n', "", "belong together", "issue_refund"),
        ('action = "cancel"\ncustomer', "customer", "either `action = ...`", "cancel_order"),
    ],
)
def test_a_mistake_in_a_whole_tool_is_named_where_its_table_begins(
    tmp_path: Path, old: str, new: str, words: str, tool: str
) -> None:
    toml = two_actions.toml((old, new))
    found = check(small.write(tmp_path, toml))
    begins = toml[: toml.index(f'[[servers.write]]\ntool = "{tool}"')].count("\n") + 1
    assert [one.line for one in found if words in one.message] == [begins], found


def test_a_person_may_come_with_what_a_provider_calls_them(tmp_path: Path) -> None:
    mo = 'Mo = { role = "manager", identity = "mo@example.com" }'
    company = load(small.write(tmp_path, small.TOML.replace('Mo = "manager"', mo)))
    assert company.people == {"Ana": Role.OPERATOR, "Mo": Role.MANAGER}
    assert company.identities == {"Mo": "mo@example.com"}


@pytest.mark.parametrize(
    ("mo", "words"),
    [
        ('{ role = "boss" }', "'operator', 'manager' or 'admin'"),
        ('{ role = "manager", identity = "" }', "it is empty"),
        ('{ role = "manager", identiti = "x" }', "did you mean `identity`?"),
        ('{ identity = "mo@example.com" }', "it is missing"),
        ('{ role = "manager", identity = "ANA@example.com" }', "`ana@example.com` is there twice"),
    ],
)
def test_a_mistake_about_a_person_is_named(tmp_path: Path, mo: str, words: str) -> None:
    ana = 'Ana = { role = "operator", identity = "ana@example.com" }'
    changes = (('Ana = "operator"', ana), ('Mo = "manager"', f"Mo = {mo}"))
    found = mistakes(tmp_path, *changes)
    assert [(one.line, words in one.message) for one in found] == [
        (line_of("Mo = ", *changes), True)
    ]

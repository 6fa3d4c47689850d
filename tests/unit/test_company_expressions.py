"""JMESPath and Jinja as a company writes them: values are data, and nothing missing is printed."""

import pytest

from agents.company.expressions import (
    ExpressionError,
    Templates,
    compile_path,
    is_truthy,
    names_in_path,
    pick,
    quote,
)


@pytest.fixture
def templates() -> Templates:
    return Templates("EUR")


def test_money_and_days_read_as_people_write_them(templates: Templates) -> None:
    text = templates.render("{{ a | money }} on {{ d | day }}", {"a": 8490, "d": "2026-05-03"})
    assert text == "€84.90 on 3 May 2026"


@pytest.mark.parametrize("amount", [84.9, "8490", True, None])
def test_money_takes_whole_minor_units_only(templates: Templates, amount: object) -> None:
    with pytest.raises(ExpressionError):
        templates.render("{{ a | money }}", {"a": amount})


@pytest.mark.parametrize(
    "template", ["{{ x }}", "{{ x.y }}", "{{ n }}", "{{ n.y }}", "{{ 1 / 0 }}"]
)
def test_a_missing_value_is_an_error_not_the_word_none(templates: Templates, template: str) -> None:
    with pytest.raises(ExpressionError):
        templates.render(template, {"n": None})


def test_a_missing_value_is_simply_false_in_a_condition(templates: Templates) -> None:
    assert templates.render("{% if x %}yes{% else %}no{% endif %}", {}) == "no"


@pytest.mark.parametrize("hostile", ["{{ 7 * 7 }}", "{% raw %}", "{{ ticket.__class__ }}"])
def test_what_a_customer_writes_is_never_compiled(templates: Templates, hostile: str) -> None:
    context = {"ticket": {"text": hostile}}
    assert templates.render("You wrote: {{ ticket.text }}", context) == f"You wrote: {hostile}"


@pytest.mark.parametrize(
    "template",
    [
        "{{ ticket.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{% for i in range(999999999) %}x{% endfor %}",
        "{{ list.append(1) }}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(templates: Templates, template: str) -> None:
    with pytest.raises(ExpressionError):
        templates.render(template, {"ticket": {}, "list": []})


def test_the_best_sentence_of_a_passage_is_quoted() -> None:
    text = "We ship daily. Italy takes\nfive working days. Costs are low."
    assert quote(text, "How long until the parcel is in Italy?") == "Italy takes five working days."
    with pytest.raises(ValueError, match="nothing to quote"):
        quote("  ")


def test_a_wrong_expression_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="`a\\[` is not a JMESPath expression"):
        compile_path("a[")


def test_an_expression_that_cannot_be_weighed_is_an_error_of_its_own() -> None:
    with pytest.raises(ExpressionError):
        pick("length(nothing)", {})


@pytest.mark.parametrize(
    ("value", "truth"),
    [(0, True), ("", False), ([], False), ({}, False), (None, False), (1.5, True)],
)
def test_truth_is_jmespaths_own(value: object, truth: bool) -> None:
    assert is_truthy(value) is truth


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("a.b[0].c", {"a"}),
        ("a[?b == `1`].c | [0]", {"a"}),
        ("max_by(a, &b).c || length(d) > `0` && !e", {"a", "d", "e"}),
        ("{x: a.b, y: [c, 'd']}", {"a", "c"}),
        ("a[].b[*].c", {"a"}),
        ("sort_by(a[?n > `1`], &d)[-1].e", {"a"}),
    ],
)
def test_the_names_an_expression_reads_are_known(expression: str, names: set[str]) -> None:
    assert names_in_path(expression) == names

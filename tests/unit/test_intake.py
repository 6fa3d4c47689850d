"""Reading tickets: every bad line is named, every good line gets through, memory stays bounded."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.intake import read_csv, read_jsonl
from agents.lines import MAX_LINE_BYTES
from agents.records import BadLine, GoodLine
from store.errors import BadInput
from store.queue import NewTicket


def jsonl(*lines: str | bytes) -> list[GoodLine[NewTicket] | BadLine]:
    raw = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    return list(read_jsonl(io.BytesIO(raw)))


def rows(text: str | bytes) -> list[GoodLine[NewTicket] | BadLine]:
    return list(read_csv(io.BytesIO(text if isinstance(text, bytes) else text.encode())))


def only_ticket(lines: list[GoodLine[NewTicket] | BadLine]) -> NewTicket:
    (line,) = lines
    assert isinstance(line, GoodLine)
    return line.made


def only_error(lines: list[GoodLine[NewTicket] | BadLine]) -> str:
    (line,) = lines
    assert isinstance(line, BadLine)
    return line.error


def test_a_json_line_carries_every_field_and_keeps_the_rest_as_extra() -> None:
    ticket = only_ticket(
        jsonl(
            json.dumps(
                {
                    "text": "Where is it?",
                    "id": "T-1",
                    "customer_id": "C-9",
                    "subject": " Parcel ",
                    "received_at": "2026-05-03T10:00:00+02:00",
                    "channel": "mail",
                    "tags": ["a", {"b": 1}],
                }
            )
        )
    )
    assert ticket == NewTicket(
        text="Where is it?",
        external_id="T-1",
        customer_id="C-9",
        subject="Parcel",
        received_at=datetime(2026, 5, 3, 8, 0, tzinfo=UTC),
        extra={"channel": "mail", "tags": ["a", {"b": 1}]},
    )


def test_text_alone_is_enough_and_leaves_the_identity_to_the_store() -> None:
    assert only_ticket(jsonl('{"text": "Hello"}')) == NewTicket(text="Hello")


def test_a_time_without_a_zone_is_taken_as_utc() -> None:
    ticket = only_ticket(jsonl('{"text": "x", "received_at": "2026-05-03 10:00"}'))
    assert ticket.received_at == datetime(2026, 5, 3, 10, 0, tzinfo=UTC)


def test_a_number_as_id_is_taken_as_its_digits() -> None:
    assert only_ticket(jsonl('{"text": "x", "id": 17}')).external_id == "17"


def test_blank_lines_are_nothing_but_still_count() -> None:
    lines = jsonl("", '{"text": "x"}', "   ", "nonsense")
    assert [line.line for line in lines] == [2, 4]


def test_a_byte_order_mark_is_ignored() -> None:
    assert only_ticket(jsonl(b'\xef\xbb\xbf{"text": "x"}')).text == "x"
    assert only_ticket(rows(b"\xef\xbb\xbftext\nx\n")).text == "x"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{nonsense", "not valid JSON"),
        ('["text"]', "not a JSON object"),
        ("{}", "no `text`"),
        ('{"text": null}', "no `text`"),
        ('{"text": 5}', "`text` is not a string"),
        ('{"text": "  "}', "The text is empty"),
        ('{"text": "x", "received_at": "yesterday"}', "not an ISO 8601 date: 'yesterday'"),
        ('{"text": "x", "received_at": 17}', "not an ISO 8601 date"),
        ('{"text": "x", "received_at": "0001-01-01T00:00:00+14:00"}', "not an ISO 8601 date"),
        ('{"text": "x", "id": true}', "`id` is not a string"),
        ('{"text": "x", "customer_id": ["C-1"]}', "`customer_id` is not a string"),
        ('{"text": "x", "amount": NaN}', "NaN is not JSON"),
        (b'{"text": "\xff\xfe"}', "not valid UTF-8"),
        ('{"text": "x", "deep": ' + "[" * 50 + "]" * 50 + "}", "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"text": "x", "n": ' + "9" * 5_000 + "}", "not valid JSON"),
    ],
)
def test_a_bad_json_line_says_what_is_wrong(line: str | bytes, said: str) -> None:
    assert said in only_error(jsonl(line))


def test_good_lines_around_bad_ones_go_in() -> None:
    lines = jsonl('{"text": "one"}', "broken", '{"text": "three"}')
    assert [type(line) for line in lines] == [GoodLine, BadLine, GoodLine]


def test_lone_surrogates_and_nul_are_cleaned_everywhere() -> None:
    ticket = only_ticket(
        jsonl(r'{"text": "a\ud800b\u0000c", "subject": "\udfff", "k\ud801": ["\ud802\u0000"]}')
    )
    cleaned = json.dumps([ticket.text, ticket.subject, ticket.extra], ensure_ascii=False)
    assert cleaned.encode()
    assert "\x00" not in ticket.text
    assert ticket.text.startswith("a")
    assert ticket.text.endswith("bc")


def test_exactly_100_000_characters_are_accepted_and_one_more_is_refused() -> None:
    assert only_ticket(jsonl(json.dumps({"text": "x" * 100_000})))
    assert "100,001 characters" in only_error(jsonl(json.dumps({"text": "x" * 100_001})))
    assert only_ticket(jsonl(json.dumps({"text": "\U0001f600" * 100_000})))


def test_a_line_too_long_to_hold_is_named_and_the_next_one_goes_in() -> None:
    lines = jsonl(b"x" * (2 * MAX_LINE_BYTES + 5), '{"text": "next"}')
    assert lines[0] == BadLine(1, "longer than 4 MB")
    assert lines[1] == GoodLine(2, NewTicket(text="next"))


def test_a_csv_of_text_and_category_keeps_the_category_as_extra() -> None:
    ticket = only_ticket(rows("text,category\nI was charged twice,transaction_charged_twice\n"))
    assert ticket == NewTicket(
        text="I was charged twice", extra={"category": "transaction_charged_twice"}
    )


def test_csv_fields_may_be_quoted_span_lines_and_be_empty() -> None:
    lines = rows('id,text,customer_id\r\n1,"He said ""hi"",\r\nthen left",\r\n2,Next,C-2\r\n')
    assert lines == [
        GoodLine(2, NewTicket(text='He said "hi",\r\nthen left', external_id="1")),
        GoodLine(4, NewTicket(text="Next", external_id="2", customer_id="C-2")),
    ]


def test_header_names_are_found_whatever_their_case_and_separator() -> None:
    assert only_ticket(rows(" Text ;ID\nhello;7\n")) == NewTicket(text="hello", external_id="7")


def test_an_unnamed_column_is_kept_by_its_position() -> None:
    assert only_ticket(rows(",text\n0,hello\n")).extra == {"column_1": "0"}


def test_a_csv_without_a_text_column_is_refused_as_a_whole() -> None:
    for text in ("question,category\na,b\n", "", '"text\n'):
        with pytest.raises(BadInput, match="no `text` column"):
            rows(text)


def test_an_unclosed_quote_costs_its_own_line_only() -> None:
    lines = rows('text,id\n"unclosed,1\ngood,2\nalso good,3\n')
    assert [(type(line), line.line) for line in lines] == [
        (BadLine, 2),
        (GoodLine, 3),
        (GoodLine, 4),
    ]
    assert isinstance(lines[0], BadLine)
    assert "broken CSV row" in lines[0].error


def test_a_stray_quote_that_meets_another_one_costs_its_own_line_only() -> None:
    lines = rows('text,id\n"open,1\n"well quoted",2\nplain,3\n')
    assert [(type(line), line.line) for line in lines] == [
        (BadLine, 2),
        (GoodLine, 3),
        (GoodLine, 4),
    ]


@pytest.mark.parametrize("row", ["only one", "a,b,c"])
def test_a_csv_row_of_another_width_than_the_header_is_named(row: str) -> None:
    lines = rows(f"text,id\n{row}\nfine,2\n")
    assert isinstance(lines[0], BadLine)
    assert "where the header has 2" in lines[0].error
    assert isinstance(lines[1], GoodLine)


def test_undecodable_bytes_in_a_csv_cost_their_own_row_only() -> None:
    lines = rows(b"text\ncaf\xe9\nfine\n")
    assert lines[0] == BadLine(2, "not valid UTF-8, or longer than 4 MB")
    assert lines[1] == GoodLine(3, NewTicket(text="fine"))


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=1))
def test_whatever_the_csv_writer_writes_is_read_back(texts: list[str]) -> None:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["id", "text"])
    writer.writerows([[number, text] for number, text in enumerate(texts)])
    lines = rows(file.getvalue())
    read = {line.made.external_id: line.made.text for line in lines if isinstance(line, GoodLine)}
    assert len(lines) == len(texts)
    assert read == {str(at): text for at, text in enumerate(texts) if text.strip()}


@given(st.lists(st.binary(max_size=40)))
def test_no_bytes_make_the_reader_raise_or_lose_count(lines: list[bytes]) -> None:
    raw = b"\n".join(lines)
    for read in (list(read_jsonl(io.BytesIO(raw))), list(read_csv(io.BytesIO(b"text\n" + raw)))):
        numbers = [line.line for line in read]
        assert numbers == sorted(set(numbers))
        assert all(1 <= number <= raw.count(b"\n") + 2 for number in numbers)

"""The evidence beside a draft: the six steps, the tools' answers as small tables, the passages."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dashboard import words
from dashboard.components.custom import register
from dashboard.components.step_timeline import strip
from store.outputs import PassageHit, ToolCallRecord
from store.reports.card import Card

_EVIDENCE = register("evidence")

MAX_ROWS, MAX_COLUMNS, MAX_CELL = 5, 6, 60


def evidence(card: Card) -> None:
    """Draw the evidence of a review."""
    _EVIDENCE(key="evidence", data=evidence_data(card))


def evidence_data(card: Card) -> dict[str, Any]:
    """Return what the evidence shows. Pure."""
    calls = card.tool_call.calls if card.tool_call else []
    passages = card.retrieval.passages if card.retrieval else []
    return {
        "id": card.review_id,
        "stepsTitle": f"Six steps of run {card.run_id}",
        "steps": strip(card.steps),
        "calls": [_call(call) for call in calls],
        "passages": [_passage(passage) for passage in passages[:4]],
        "empty": "This draft rests on no passage and no tool result.",
    }


def _passage(passage: PassageHit) -> dict[str, str]:
    near = passage.similarity
    return {
        "title": passage.title,
        "text": passage.text,
        "source": passage.source,
        "score": f"match {near:.2f}" if near is not None else f"score {passage.score:.3f}",
    }


def _call(call: ToolCallRecord) -> dict[str, Any]:
    columns, rows, more = as_table(call.result)
    return {
        "tool": call.tool,
        "state": call.status,
        "note": "skipped" if call.status == "skipped" else words.duration(call.latency_ms),
        "args": ", ".join(f"{name}={_cell(value)}" for name, value in call.args.items()),
        "error": call.error,
        "columns": columns,
        "rows": rows,
        "more": more,
    }


def as_table(result: object) -> tuple[list[str], list[list[str]], str]:
    """Return any JSON answer as columns, rows and a word about what was left out."""
    records, facts = _records(result)
    if records is not None:
        columns = list(dict.fromkeys(name for record in records for name in record))
        shown, kept = records[:MAX_ROWS], columns[:MAX_COLUMNS]
        rows = [[_cell(record.get(name)) for name in kept] for record in shown]
        return kept, rows, _left_out(len(records) - len(shown), len(columns) - len(kept))
    if facts:
        pairs = [[str(name), _cell(value)] for name, value in facts.items()]
        return ["field", "value"], pairs[: 2 * MAX_ROWS], _left_out(len(pairs) - 2 * MAX_ROWS, 0)
    return ([], [], "") if result in (None, {}, []) else (["answer"], [[_cell(result)]], "")


def _records(
    result: object,
) -> tuple[list[Mapping[str, Any]] | None, Mapping[str, Any] | None]:
    if isinstance(result, Mapping):
        lists = [value for value in result.values() if _is_records(value)]
        if len(lists) == 1 and len(result) <= 2:
            return list(lists[0]), None
        return None, result
    return (
        (list(result), None) if _is_records(result) and isinstance(result, list) else (None, None)
    )


def _is_records(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and bool(value)
        and all(isinstance(item, Mapping) for item in value)
    )


def _cell(value: object) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"


def _left_out(rows: int, columns: int) -> str:
    parts = [f"{rows} more rows"] if rows > 0 else []
    parts += [f"{columns} more columns"] if columns > 0 else []
    return f"{' and '.join(parts)}: open the run to see all" if parts else ""

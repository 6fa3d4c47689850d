"""Whether a message asks for a second thing: a sentence of it that is clearly another intent."""

from collections.abc import Iterator, Mapping

from agents.company.expressions import sentences
from agents.models.intent_classifier import IntentClassifier
from agents.query import name_ids

MIN_WORDS = 4
MAX_SENTENCES = 6
SURE = 0.3  # a sentence says less than a message: beyond this it is clearly of its intent


def other_topic(
    classifier: IntentClassifier, text: str, label: str, patterns: Mapping[str, str]
) -> str | None:
    """Return the intent that some sentence is surest of beside `label`, or None."""
    best: tuple[float, str] = (SURE, "")
    for sentence in _telling(text, patterns):
        if classifier.guess(sentence) == label:
            continue
        reading = classifier.read(sentence)
        if not reading.is_out_of_scope and reading.label != label:
            best = max(best, (reading.probability, reading.label))
    return best[1] or None


def _telling(text: str, patterns: Mapping[str, str]) -> Iterator[str]:
    """Yield the sentences worth reading alone; one that gives an id says only what it is about."""
    parts = [part for part in sentences(text) if len(part.split()) >= MIN_WORDS]
    if len(sentences(text)) > 1:
        yield from (part for part in parts[:MAX_SENTENCES] if name_ids(part, patterns) == part)

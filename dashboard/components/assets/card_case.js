// The reading part of the card: what changed or is unknown, who must agree, why it is here, the
// customer's words, and exactly what will run.
function caseMessage(memory, data) {
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

function caseArgument(memory, id, [name, value]) {
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

function caseCall(memory, id, one, note) {
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
      ? el("dl", "args", one.args.map((pair) => caseArgument(memory, id, pair)))
      : null,
    one.condition ? el("p", "small quiet words", one.condition) : null,
  );
}

function caseAction(memory, data) {
  const doing = data.action;
  const isSeries = doing.more.length > 0;
  return el(
    "section",
    `panel action ${doing.tool ? "" : "none"} ${isSeries ? "series" : ""}`,
    el("h3", null, doing.title),
    caseCall(memory, `${data.id}-0`, doing, doing.note),
    doing.more.map((one, at) => caseCall(memory, `${data.id}-${at + 1}`, one, "")),
    isSeries
      ? el("div", "total", el("span", null, "Together"), el("span", "money num", doing.total))
      : null,
    doing.around.map((line) => el("p", "small quiet words", line)),
  );
}

function beforeAfter(rows, names) {
  if (!rows.length) return null;
  const heads = ["", ...names].map((name) => el("th", null, name));
  return el(
    "table",
    "rows",
    el("thead", null, el("tr", null, heads)),
    el(
      "tbody",
      null,
      rows.map(([name, before, after]) =>
        el(
          "tr",
          null,
          el("th", "words", name),
          el("td", "before mono words", before),
          el("td", "after mono words", after),
        ),
      ),
    ),
  );
}

function caseLead(data) {
  const first = data.lead;
  if (!first) return null;
  return el(
    "section",
    `lead ${first.tone}`,
    el("h3", "words", first.title),
    beforeAfter(first.rows, ["when decided", "now"]),
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

function caseChanged(data) {
  const change = data.changed;
  if (!change) return null;
  const node = el(
    "section",
    "lead orange changed",
    el("h3", "words", change.title),
    el("p", "words small", change.text),
    beforeAfter(change.rows, ["before", "now"]),
    change.before === change.after
      ? el("p", "small", "The reply is the same.")
      : diffView(change.before, change.after),
  );
  node.setAttribute("role", "alert");
  return node;
}

function caseClosed(data) {
  return data.closed ? el("p", "closed words", data.closed) : null;
}

function casePeople(data) {
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

function caseWhy(data) {
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

function caseHead(data) {
  return el(
    "header",
    null,
    el("h2", "words", data.title),
    data.tags.map((tag) => el("span", `tag ${tag.tone}`, tag.text)),
    el("span", "meta quiet num", data.meta),
  );
}

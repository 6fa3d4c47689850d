// What a person reads before deciding: why it is here, the customer's words, the exact action.
// Data: {id, title, tags: [{text, tone}], meta, why: [{text, margin, tone}], whyTitle,
//        message: {who, meta, subject, text}, action: {title, tool, money, args: [[name, value]], note},
//        sent: the reply of an audit | null}.
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

function action(data) {
  const doing = data.action;
  return el(
    "section",
    `panel action ${doing.tool ? "" : "none"}`,
    el("h3", null, doing.title),
    el(
      "div",
      "call",
      el("span", doing.tool ? "tool mono words" : "tool words", doing.tool ?? doing.note),
      el("span", "money num", doing.money),
    ),
    doing.args.length
      ? el(
          "dl",
          "args",
          doing.args.map(([name, value]) =>
            el("div", null, el("dt", "quiet mono words", name), el("dd", "mono words", value)),
          ),
        )
      : null,
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
      why(data),
      message(memory, data),
      action(data),
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

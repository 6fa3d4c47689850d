// The six steps as a strip, then what they found. Data: {id, steps: [{title, state, note, doubtful}],
// stepsTitle, passages: [{title, text, source, score}], calls: [{tool, state, note, args, columns,
// rows, more}], empty}.
function strip(data) {
  return el(
    "section",
    null,
    el("h3", null, data.stepsTitle),
    el(
      "ol",
      "strip",
      data.steps.map((step) => {
        const node = el(
          "li",
          `step ${step.state} ${step.doubtful ? "doubtful" : ""}`,
          el("span", "name", step.title),
          el("span", "note num", step.doubtful ? "look here" : step.note),
        );
        node.title = step.hint;
        return node;
      }),
    ),
  );
}

function table(call) {
  if (!call.columns.length) return null;
  return el(
    "div",
    "scroll",
    el(
      "table",
      null,
      el("thead", null, el("tr", null, call.columns.map((name) => el("th", "quiet", name)))),
      el(
        "tbody",
        null,
        call.rows.map((row) => el("tr", null, row.map((cell) => el("td", "mono", cell)))),
      ),
    ),
  );
}

function call(item) {
  return el(
    "li",
    "panel call",
    el(
      "div",
      "head",
      el("span", `dot ${item.state}`),
      el("span", "mono tool words", item.tool),
      el("span", "quiet mono words args", item.args),
      el("span", "quiet num took", item.note),
    ),
    item.error ? el("p", "error words", item.error) : null,
    table(item),
    item.more ? el("p", "quiet more", item.more) : null,
  );
}

function passage(memory, data, item, index) {
  return el(
    "li",
    "panel passage",
    el("div", "head", el("b", "words", item.title), el("span", "quiet num took", item.score)),
    foldable(memory, `${data.id}-${index}`, item.text, 260, "words body"),
    el("div", "quiet mono source words", item.source),
  );
}

export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  if (!isNew(memory, data)) return;
  const found = data.passages.length + data.calls.length;
  parentElement.querySelector(".root").replaceChildren(
    el(
      "aside",
      null,
      strip(data),
      data.calls.length
        ? el("section", null, el("h3", null, "What the tools answered"), el("ul", null, data.calls.map(call)))
        : null,
      data.passages.length
        ? el(
            "section",
            null,
            el("h3", null, "What the documents say"),
            el("ul", null, data.passages.map((item, index) => passage(memory, data, item, index))),
          )
        : null,
      found ? null : el("p", "quiet", data.empty),
    ),
  );
}

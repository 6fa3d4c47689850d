// What supports a draft: the six steps, the check of the reply's figures, tool answers, passages.
// Data: {id, stepsTitle, steps: [{title, state, note, tries, doubtful, hint}], isActing, empty,
//        check: {text, missing: [text], claimed: [text]},
//        calls: [{tool, state, note, args: [[name, value, mark]], error, said, nothing, tables: [{name, columns, more,
//        rows: [[{text, mark}]]}]}], passages: [{title, source, score, isSource,
//        pieces: [[text, mark]]}]}.
const MARKS = {
  words: "also in the reply",
  figure: "the same figure stands in the reply",
  ticket: "also in the customer's message",
  used: "used in the action",
  said: "the reply speaks of it",
};

function marked(text, mark) {
  if (!mark) return plain(text);
  const node = el("mark", mark, text);
  node.title = MARKS[mark];
  return node;
}

function strip(data) {
  const steps = data.steps.map((step) => {
    const node = el(
      "li",
      `step ${step.state} ${step.doubtful ? "doubtful" : ""}`,
      el("span", "name", step.title),
      el("span", "note num", step.tries ? `${step.note} · ${step.tries}` : step.note),
      step.doubtful ? el("span", "note look", "look here") : null,
    );
    node.title = step.hint;
    return node;
  });
  return el("section", "steps", el("h3", null, data.stepsTitle), el("ol", "strip", steps));
}

function figureList(items) {
  return items.flatMap((item, at) => [at ? ", " : "", el("b", "words num", item)]);
}

function check(data) {
  const { text, missing, claimed } = data.check;
  if (!text) return null;
  const lines = [el("p", "quiet", text)];
  if (missing.length) {
    lines.push(el("p", "miss", "Not found in the evidence: ", figureList(missing)));
  }
  if (claimed.length) {
    lines.push(el("p", "miss", "Only the customer says: ", figureList(claimed)));
  }
  return el("section", missing.length || claimed.length ? "check open" : "check", lines);
}

function facts(table) {
  return el(
    "dl",
    "facts",
    table.rows.map(([name, value]) =>
      el("div", null, el("dt", "quiet words", name.text), el("dd", "mono words", marked(value.text, value.mark))),
    ),
  );
}

function grid(table) {
  const head = table.columns.map((name) => el("th", "quiet", name));
  const rows = table.rows.map((row) =>
    el("tr", null, row.map((cell) => el("td", "mono", marked(cell.text, cell.mark)))),
  );
  const box = el(
    "div",
    "scroll",
    el("table", null, el("thead", null, el("tr", null, head)), el("tbody", null, rows)),
  );
  box.tabIndex = 0; // wide tables are moved by the arrow keys
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", table.name || "answer");
  return el("div", null, table.name ? el("div", "of quiet mono words", table.name) : null, box);
}

function call(item) {
  return el(
    "li",
    `panel call ${item.state}`,
    el(
      "div",
      "head",
      el("span", `dot ${item.state}`),
      el("span", "mono tool words", item.tool),
      el("span", "quiet mono args", item.args.flatMap(([name, value, mark], at) => [at ? ", " : "", `${name}=`, marked(value, mark)])),
      el("span", "quiet num took", item.note),
    ),
    item.error ? el("p", "error words", item.error) : null,
    item.said ? el("p", "error words", `The tool said: ${plain(item.said)}`) : null,
    item.nothing ? el("p", "quiet more", "It answered with nothing.") : null,
    item.tables.map((table) => [
      table.columns.length ? grid(table) : facts(table),
      table.more ? el("p", "quiet more", table.more) : null,
    ]).flat(),
  );
}

function folded(memory, key, body, isLong) {
  if (!isLong) return body;
  const toggle = el("button", "fold");
  toggle.type = "button";
  const apply = () => {
    const open = memory.open.has(key);
    body.classList.toggle("folded", !open);
    toggle.textContent = open ? "Show less" : "Show all";
    toggle.setAttribute("aria-expanded", String(open));
  };
  toggle.onclick = () => {
    if (!memory.open.delete(key)) memory.open.add(key);
    apply();
  };
  apply();
  return el("div", null, body, toggle);
}

function passage(memory, data, item) {
  const body = el("div", "words body", item.pieces.map(([text, mark]) => marked(text, mark)));
  const length = item.pieces.reduce((sum, [text]) => sum + text.length, 0);
  return el(
    "li",
    "panel passage",
    el("div", "head", el("b", "words", item.title), el("span", "quiet num took", item.score)),
    folded(memory, `${data.id}-${item.source}`, body, length > 320),
    el(
      "div",
      "foot quiet",
      el("span", "mono source words", item.source),
      item.isSource ? el("span", "tag", "the reply rests on this") : null,
    ),
  );
}

function legend() {
  return el(
    "p",
    "quiet legend",
    "Marked: ",
    el("mark", "words", "also in the reply"),
    ", ",
    el("mark", "used", "used in the action"),
    ", ",
    el("mark", "ticket", "also in the customer's message"),
  );
}

function evidencePane(memory, data) {
  const tools = data.calls.length
    ? el("section", null, el("h3", null, "What the tools answered"), el("ul", null, data.calls.map(call)))
    : null;
  const documents = data.passages.length
    ? el(
        "section",
        null,
        el("h3", null, "What the documents say"),
        el("ul", null, data.passages.map((item) => passage(memory, data, item))),
      )
    : null;
  const found = data.isActing ? [tools, documents] : [documents, tools];
  return [check(data), ...found, tools || documents ? legend() : el("p", "quiet", data.empty)];
}

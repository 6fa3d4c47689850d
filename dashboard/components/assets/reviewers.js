// One panel per reviewer. Data: {people: [{name, tag, lead, aside, mix: {approve, edit, reject},
// notice, rows: [{label, value, note, tone}]}]}. Figures only: nothing here can be pressed.

function bar(mix) {
  const row = el("div", "mix");
  row.setAttribute("aria-hidden", "true"); // the same figures stand below in words
  for (const part of ["approve", "edit", "reject"]) {
    if (!mix[part]) continue;
    const piece = el("span", part);
    piece.style.flexGrow = String(mix[part]);
    row.append(piece);
  }
  return row;
}

function figure(row) {
  return [
    el("dt", `quiet ${row.part ?? ""}`, row.label),
    el("dd", `num ${row.tone ?? ""}`, row.value, row.note ? el("span", "note quiet", row.note) : null),
  ];
}

function panel(person) {
  const head = el(
    "div",
    "head",
    el("h3", "name", person.name),
    person.tag ? el("span", "tag orange", person.tag) : null,
    el("span", "lead num", person.lead),
    person.aside ? el("span", "quiet", person.aside) : null,
  );
  return el(
    "article",
    "panel",
    head,
    bar(person.mix),
    person.notice ? el("p", "notice", person.notice) : null,
    el("dl", "figures", person.rows.flatMap(figure)),
  );
}

export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  if (!isNew(memory, data)) return;
  parentElement.querySelector(".root").replaceChildren(
    el("div", "people", data.people.map(panel)),
  );
}

// What stands around a case: the customer's other tickets, similar decided cases, notes.
// The first two are asked for when their tab is opened and kept while the card is on screen.
function line(row) {
  return el(
    "li",
    "panel past",
    el(
      "div",
      "head",
      el("span", "quiet num", row.when),
      row.action ? el("span", "quiet", row.action) : null,
      el("span", "money num", row.money),
    ),
    el("p", "words ask", row.title),
    row.reply ? el("p", "words reply quiet", row.reply) : null,
    el(
      "div",
      "outcome",
      el("span", `tag words ${row.tone}`, row.outcome),
      row.changed ? el("span", "quiet", row.changed) : null,
    ),
    row.note ? el("p", "words quiet remark", row.note) : null,
  );
}

function contextPane(found) {
  return [
    el("h3", "words", found.title),
    found.summary ? el("p", "quiet num", found.summary) : null,
    found.money ? el("p", "num moved", found.money) : null,
    found.rows.length ? el("ul", null, found.rows.map(line)) : el("p", "quiet", found.empty),
  ];
}

function failedPane(again) {
  const button = el("button", "fold", "Try again");
  button.type = "button";
  button.onclick = again;
  return [el("p", "quiet", "This could not be loaded. The card itself is complete."), button];
}

async function load(memory, data, tab, show) {
  const key = `${data.id}-${tab}`;
  const kept = memory.found.get(key);
  if (kept) return show(contextPane(kept));
  const waiting = el("p", "quiet", "Loading…");
  waiting.setAttribute("role", "status");
  show([waiting]);
  memory.asking?.abort();
  const asking = new AbortController();
  memory.asking = asking;
  try {
    const answer = await fetch(`${data.feed}?of=${tab}`, { signal: asking.signal });
    if (!answer.ok) throw new Error(answer.statusText);
    const found = await answer.json();
    memory.found.set(key, found);
    show(contextPane(found));
  } catch {
    if (!asking.signal.aborted) show(failedPane(() => load(memory, data, tab, show)));
  }
}

function notesPane(memory, data) {
  const written = data.notes.map((note) =>
    el(
      "li",
      "panel past",
      el("div", "head", el("b", "words", note.who), el("span", "quiet num took", note.when)),
      el("p", "words", note.text),
    ),
  );
  const box = el("textarea", "box");
  box.rows = 3;
  box.maxLength = 2000;
  box.placeholder = "What should the next person know?";
  box.setAttribute("aria-label", "Note for colleagues");
  box.value = memory.typed.get(data.id) ?? "";
  box.oninput = () => memory.typed.set(data.id, box.value);
  const send = el("button", "send", "Add note");
  send.type = "button";
  const add = () => {
    const text = box.value.trim();
    if (!text) return box.focus();
    memory.typed.delete(data.id);
    box.value = "";
    memory.send(text);
  };
  send.onclick = add;
  box.onkeydown = (event) => {
    event.stopPropagation(); // the page's keys must not see what is typed here
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) add();
    if (event.key === "Escape") box.blur();
  };
  return [
    written.length ? el("ul", null, written) : null,
    written.length ? null : el("p", "quiet", data.notesHint),
    box,
    send,
  ];
}

// The right column: the steps, then one of four tabs. The tab stays when the card changes.
// Data: that of passages.js, and {feed: address, notes: [{who, when, text}], notesHint}.
const TABS = [
  ["evidence", "Evidence", ""],
  ["customer", "Customer", "t"],
  ["similar", "Similar", "l"],
  ["notes", "Notes", "m"],
];

function tabs(memory, data) {
  const row = el("div", "tabs");
  row.setAttribute("role", "tablist");
  row.setAttribute("aria-label", "Beside the card");
  for (const [name, title, key] of TABS) {
    const count = name === "notes" && data.notes.length ? ` ${data.notes.length}` : "";
    const tab = el("button", "tab", `${title}${count}`, key ? el("kbd", null, key.toUpperCase()) : null);
    tab.type = "button";
    tab.id = `tab-${name}`;
    tab.dataset.tab = name;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", "pane");
    if (key) tab.setAttribute("aria-keyshortcuts", key.toUpperCase());
    tab.onclick = () => memory.choose(name);
    row.append(tab);
  }
  row.onkeydown = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const at = TABS.findIndex(([name]) => name === memory.tab);
    const [next] = TABS[(at + by + TABS.length) % TABS.length];
    memory.choose(next);
    row.querySelector(`[data-tab="${next}"]`).focus();
    event.preventDefault();
  };
  return row;
}

function draw(memory, data, root) {
  const kept = memory.id === data.id ? root.querySelector(".pane")?.scrollTop : 0;
  const hadFocus = root.querySelector(".box:focus") !== null;
  const pane = el("div", "pane");
  pane.id = "pane";
  pane.tabIndex = 0; // scrolled by the arrow keys
  pane.setAttribute("role", "tabpanel");
  const row = tabs(memory, data);
  const show = (nodes) => pane.replaceChildren(...nodes.filter(Boolean));
  memory.choose = (name) => {
    memory.tab = name;
    memory.asking?.abort();
    for (const tab of row.children) {
      const isChosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
    pane.setAttribute("aria-labelledby", `tab-${name}`);
    pane.scrollTop = 0;
    if (name === "evidence") show(evidencePane(memory, data));
    else if (name === "notes") show(notesPane(memory, data));
    else load(memory, data, name, show);
  };
  const column = el("aside", "column", strip(data), row, pane);
  column.dataset.id = data.id;
  root.replaceChildren(column);
  memory.id = data.id;
  memory.choose(memory.tab);
  pane.scrollTop = kept ?? 0;
  if (hadFocus) pane.querySelector(".box")?.focus();
}

function onTabKey(memory, root, event) {
  const pressed = commandKey(event);
  const found = TABS.find(([, , key]) => key && key === pressed);
  if (!found) return;
  const [name] = found;
  memory.choose(memory.tab === name ? "evidence" : name);
  if (memory.tab === "notes") root.querySelector(".box").focus();
  event.preventDefault();
}

export default function ({ data, parentElement, setTriggerValue }) {
  const memory = memoryOf(parentElement);
  const root = parentElement.querySelector(".root");
  memory.send = (text) => setTriggerValue("note", text);
  if (!memory.onKey) {
    memory.tab = "evidence";
    memory.found = new Map();
    memory.typed = new Map();
    memory.onKey = (event) => onTabKey(memory, root, event);
  }
  document.addEventListener("keydown", memory.onKey);
  if (isNew(memory, data)) {
    if (memory.id !== data.id) memory.found.clear();
    draw(memory, data, root);
  }
  return () => {
    document.removeEventListener("keydown", memory.onKey);
    memory.asking?.abort();
  };
}

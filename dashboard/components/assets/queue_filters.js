// What of the queue is shown. Data: {chosen, tabs: [{name, title, count}], options: {intent, kind,
// reason, whose: {value: title}}, currency}. Trigger: look(the whole choice).
const TYPED_MS = 350;
const TITLES = { intent: "Intent", kind: "Action", reason: "Why it is here", whose: "Whose" };
const NONE = { intent: "", kind: "", reason: "", whose: "all", above: 0, overdue: false, snoozed: false };

// What is typed goes along with every other choice: it may not have been sent by itself yet.
function look(memory, change) {
  forget(memory);
  memory.chosen = { ...memory.chosen, search: memory.search.value.trim(), ...change };
  const said = Object.fromEntries(
    Object.entries(memory.chosen).map(([name, value]) => [name, value === true ? "1" : value === false ? "" : String(value)]),
  );
  memory.fire(said);
}

function button(name, act, ...content) {
  const node = el("button", name, ...content);
  node.type = "button";
  node.onclick = act;
  return node;
}

function tabs(memory) {
  const nodes = memory.data.tabs.map((tab) => {
    const isChosen = tab.name === memory.chosen.tab;
    const act = () => !isChosen && look(memory, { ...NONE, tab: tab.name }); // the search stays
    const node = button("tab", act, el("span", null, tab.title), el("span", "count num", tab.count));
    node.dataset.tab = tab.name;
    node.setAttribute("aria-pressed", String(isChosen));
    return node;
  });
  const group = el("div", "tabs", nodes);
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Which cards");
  return group;
}

function select(memory, name) {
  const box = el("select", "pick");
  const options = Object.entries(memory.data.options[name]);
  if (name !== "whose") options.unshift(["", "Any"]);
  for (const [value, title] of options) {
    const option = el("option", null, title);
    option.value = value;
    box.append(option);
  }
  box.value = memory.chosen[name];
  box.onchange = () => look(memory, { [name]: box.value });
  return el("label", "field", el("span", "quiet", TITLES[name]), box);
}

function check(memory, name, title) {
  const box = el("input");
  box.type = "checkbox";
  box.checked = memory.chosen[name];
  box.onchange = () => look(memory, { [name]: box.checked });
  return el("label", "check", box, el("span", null, title));
}

function panel(memory) {
  const above = el("input", "pick");
  above.type = "number";
  above.min = "0";
  above.step = "1";
  above.value = memory.chosen.above || "";
  above.onchange = () => look(memory, { above: Math.max(0, Math.floor(Number(above.value) || 0)) });
  return el(
    "div",
    "filters panel",
    select(memory, "intent"),
    select(memory, "kind"),
    memory.chosen.tab === "audits" ? null : select(memory, "reason"),
    select(memory, "whose"),
    el("label", "field", el("span", "quiet", `Money above (${memory.data.currency})`), above),
    el("div", "checks", check(memory, "overdue", "Overdue"), check(memory, "snoozed", "Snoozed")),
  );
}

function said(memory, name) {
  const value = memory.chosen[name];
  if (name === "above") return `above ${value} ${memory.data.currency}`;
  if (name === "overdue" || name === "snoozed") return name;
  return memory.data.options[name][value] ?? value;
}

function active(memory) {
  return Object.keys(NONE).filter((name) => memory.chosen[name] !== NONE[name]);
}

function chips(memory) {
  const names = active(memory);
  if (!names.length) return null;
  const nodes = names.map((name) => {
    const node = button("chip", () => look(memory, { [name]: NONE[name] }), said(memory, name), el("span", "x", "×"));
    node.setAttribute("aria-label", `Remove the filter ${plain(said(memory, name))}`);
    return node;
  });
  return el("div", "chips", nodes);
}

function bar(memory) {
  const toggle = button("toggle", () => {
    memory.isOpen = !memory.isOpen;
    draw(memory);
    memory.root.querySelector(".toggle").focus();
  });
  const number = active(memory).length;
  toggle.append(number ? `Filters · ${number}` : "Filters");
  toggle.setAttribute("aria-expanded", String(Boolean(memory.isOpen)));
  return el("div", "bar", memory.search, toggle);
}

function forget(memory) {
  clearTimeout(memory.typing);
  memory.typing = null;
}

function searchBox(memory) {
  const box = el("input", "search");
  box.type = "search";
  box.placeholder = "Title, ticket, customer";
  box.setAttribute("aria-label", "Search in title, ticket and customer");
  box.maxLength = 100;
  const send = () => {
    forget(memory);
    if (box.value.trim() !== memory.chosen.search) look(memory, {});
  };
  box.oninput = () => {
    forget(memory);
    memory.typing = setTimeout(send, TYPED_MS);
  };
  box.onkeydown = (event) => {
    if (event.key === "Enter") send();
    if (event.key === "Escape") box.blur();
  };
  return box;
}

// The counts as they are now: fresher than those of the last run.
function count(memory) {
  const waiting = desk().live?.waiting ?? {};
  for (const node of memory.root.querySelectorAll(".tab")) {
    const number = waiting[node.dataset.tab];
    if (number !== undefined) node.querySelector(".count").textContent = plain(number);
  }
}

function draw(memory) {
  const hadFocus = memory.root.getRootNode().activeElement;
  const parts = [tabs(memory), bar(memory), memory.isOpen ? panel(memory) : null, chips(memory)];
  memory.root.replaceChildren(...parts.filter(Boolean));
  if (hadFocus === memory.search) memory.search.focus();
}

export default function ({ data, parentElement, setTriggerValue }) {
  const memory = memoryOf(parentElement);
  memory.fire = (said) => {
    desk().whenFree(() => setTriggerValue("look", said)); // a decision on its way goes first
  };
  memory.root = parentElement.querySelector(".root");
  memory.search ??= searchBox(memory);
  if (isNew(memory, data)) {
    memory.data = data;
    memory.chosen = data.chosen;
    const isTypingHere = memory.root.getRootNode().activeElement === memory.search;
    if (!isTypingHere && !memory.typing) memory.search.value = data.chosen.search;
    draw(memory);
    count(memory);
  }
  memory.onLive ??= () => count(memory);
  document.removeEventListener("greenlight:live", memory.onLive);
  document.addEventListener("greenlight:live", memory.onLive);
  return () => {
    document.removeEventListener("greenlight:live", memory.onLive);
    forget(memory);
  };
}

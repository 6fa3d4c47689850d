// Audit entries, newest first; each row is a button keyed by its sequence.
// Data: {items: [{seq, time, who, what, about, detail, tone, tag}], current, empty}.
// Trigger: open(seq).
function row(item) {
  const node = el(
    "button",
    "row",
    el("span", "time num quiet", item.time),
    el("span", `dot ${item.tone}`),
    el("span", "said", el("span", "who", item.who), ` ${item.what}`),
    el("span", "about", item.about),
    el("span", "detail quiet", item.detail),
    el("span", "seq num quiet", `#${item.seq}`),
  );
  node.type = "button";
  node.dataset.seq = String(item.seq);
  node.title = plain(`${item.tag} · ${item.about}${item.detail ? ` · ${item.detail}` : ""}`);
  return node;
}

function mark(list, seq) {
  for (const node of list.querySelectorAll(".row")) {
    const isCurrent = node.dataset.seq === String(seq);
    node.classList.toggle("current", isCurrent);
    if (isCurrent) node.setAttribute("aria-current", "true");
    else node.removeAttribute("aria-current");
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const memory = memoryOf(parentElement);
  const root = parentElement.querySelector(".root");
  let list = root.querySelector(".log");
  if (!list) {
    list = el("div", "log");
    list.setAttribute("role", "group");
    list.setAttribute("aria-label", "Audit entries, newest first; times in UTC");
    root.append(list);
  }
  list.onclick = (event) => {
    const node = event.target.closest(".row");
    if (!node) return;
    mark(list, node.dataset.seq);
    setTriggerValue("open", Number(node.dataset.seq));
  };
  if (isNew(memory, data.items)) {
    list.replaceChildren(...data.items.map(row));
    list.scrollTop = 0;
    if (!data.items.length) list.append(el("p", "empty quiet", data.empty));
  }
  mark(list, data.current);
}

// The waiting reviews, keyed by review id. J and K move at once and open after a short pause;
// E goes to the reply. Silent while somebody types.
// Data: {items: [{id, title, who, reason, money, age, confidence, threshold, share, tone, tag}],
//        current, empty}. Trigger: open(id).
const PAUSE_MS = 60;

function bar(item) {
  if (item.share === null) return el("span", "quiet none", item.confidence);
  const track = el("span", "track");
  const fill = el("span", `fill ${item.tone}`);
  fill.style.width = `${Math.round(item.share * 100)}%`;
  const mark = el("span", "mark");
  mark.style.left = `${Math.round(item.limit * 100)}%`;
  track.append(fill, mark);
  track.setAttribute("role", "img");
  track.setAttribute("aria-label", `confidence ${item.confidence}, needs more than ${item.threshold}`);
  track.title = `Confidence ${item.confidence}; goes out alone above ${item.threshold}`;
  return el("span", "bar", track, el("span", "num", item.confidence));
}

function row(item) {
  const node = el(
    "button",
    "row",
    el("span", "top", el("span", "title", item.title), el("span", "money num", item.money)),
    el("span", "under quiet", el("span", "reason", item.reason), bar(item)),
    el(
      "span",
      "under quiet",
      el("span", "who", item.who),
      item.tag ? el("span", `tag ${item.tagTone}`, item.tag) : null,
      el("span", "age num", item.age),
    ),
  );
  node.type = "button";
  node.dataset.id = String(item.id);
  return node;
}

function highlight(list, id) {
  for (const node of list.children) {
    const isCurrent = node.dataset.id === String(id);
    node.classList.toggle("current", isCurrent);
    if (isCurrent) {
      node.setAttribute("aria-current", "true");
      if (node.offsetTop < list.scrollTop) list.scrollTop = node.offsetTop;
      const below = node.offsetTop + node.offsetHeight - list.clientHeight;
      if (below > list.scrollTop) list.scrollTop = below;
    } else node.removeAttribute("aria-current");
  }
}

function isTyping(event) {
  return event
    .composedPath()
    .some(
      (node) =>
        node instanceof HTMLElement &&
        (node.isContentEditable ||
          /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName) ||
          node.getAttribute("role") === "dialog"),
    );
}

function move(memory, list, by) {
  const ids = memory.items.map((item) => item.id);
  if (!ids.length) return;
  const at = ids.indexOf(memory.at);
  const next = ids[Math.min(ids.length - 1, Math.max(0, at + by))];
  if (next === memory.at) return;
  memory.at = next;
  highlight(list, next);
  clearTimeout(memory.timer);
  memory.timer = setTimeout(() => memory.open(next), PAUSE_MS);
}

function focusReply() {
  const box = document.querySelector('[class*="st-key-edit_"] textarea');
  if (box) box.focus();
  return Boolean(box);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const memory = memoryOf(parentElement);
  const root = parentElement.querySelector(".root");
  memory.items = data.items;
  memory.open = (id) => setTriggerValue("open", id);
  let list = root.querySelector(".list");
  if (!list) {
    list = el("div", "list");
    list.setAttribute("role", "group");
    list.setAttribute("aria-label", "Waiting reviews, most urgent first");
    list.onclick = (event) => {
      const node = event.target.closest(".row");
      if (!node) return;
      memory.at = Number(node.dataset.id);
      highlight(list, memory.at);
      memory.open(memory.at);
    };
    root.append(list);
    memory.onKey = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
      const key = event.key.toLowerCase();
      if (key === "j") move(memory, list, 1);
      else if (key === "k") move(memory, list, -1);
      else if (key === "e" && focusReply()) event.preventDefault();
    };
    document.addEventListener("keydown", memory.onKey);
  }
  if (isNew(memory, data)) {
    const hadFocus = list.contains(parentElement.activeElement ?? null);
    list.replaceChildren(...data.items.map(row));
    if (!data.items.length) list.append(el("p", "empty quiet", data.empty));
    memory.at = data.current;
    highlight(list, data.current);
    if (hadFocus) list.querySelector(".current")?.focus();
  }
  return () => {
    document.removeEventListener("keydown", memory.onKey);
    clearTimeout(memory.timer);
  };
}

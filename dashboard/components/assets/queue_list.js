// Rows keyed by id: the waiting reviews, or the runs. J and K move at once and open after a short
// pause; they pass over rows that are not this person's to take. Silent while somebody types.
// Data: {items: [{id, title, who, reason, money, age, ageTone, confidence, threshold, share, limit,
//   tone, tag, tagTone, holder, passed}], current, empty, name, desk: null | {me, address, claimed,
//   said, page, pages, tab, canClear, canBatch}}.
// Triggers: open(id); at a desk also refresh, turn(page), clear, batch.
const PAUSE_MS = 60;
const LIVE = "greenlight:live"; // what everybody does now, told by the line of figures

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
      el("span", "tag"),
      el("span", `age num ${item.ageTone}`, item.age),
    ),
  );
  node.type = "button";
  node.dataset.id = String(item.id);
  return node;
}

// Who is on a row and whether it closed meanwhile: changed in place, so that nothing moves.
function standing(memory, item) {
  const live = memory.desk ? desk().live : null;
  const closed = live?.closed[item.id];
  const holder = live ? live.claims[item.id] : item.holder;
  if (closed !== undefined) return { tag: closed ? `decided by ${closed}` : "closed", isClosed: true };
  if (holder && holder !== memory.desk?.me) return { tag: `${holder} is on this`, tone: "blue", isPassed: true };
  return { tag: item.tag, tone: item.tagTone, isPassed: Boolean(item.passed) };
}

function mark(memory) {
  for (const item of memory.items) {
    const node = memory.list.querySelector(`[data-id="${item.id}"]`);
    if (!node) continue;
    const now = standing(memory, item);
    const tag = node.querySelector(".tag");
    tag.className = `tag ${now.tone ?? ""}`;
    tag.textContent = plain(now.tag);
    node.classList.toggle("closed", Boolean(now.isClosed));
    node.classList.toggle("passed", Boolean(now.isPassed || now.isClosed));
  }
  if (memory.desk) offer(memory);
}

function offer(memory) {
  const fresh = desk().live?.after === memory.desk.newest ? desk().live.arrived[memory.desk.tab] : 0;
  const cards = fresh === 1 ? "1 new card" : `${fresh} new cards`;
  memory.offer.hidden = !fresh;
  memory.offer.textContent = memory.desk.canClear ? `${cards} in all · look` : `${cards} · show`;
  if (fresh && !memory.items.length && !memory.desk.canClear) memory.fire("refresh", Date.now());
}

function highlight(memory, id) {
  const list = memory.list;
  for (const node of list.querySelectorAll(".row")) {
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

function move(memory, by) {
  const items = memory.items;
  let at = items.findIndex((item) => item.id === memory.at) + by;
  if (memory.at !== null && at === by - 1) at = by > 0 ? 0 : -1; // the card is not in the list
  while (items[at] && (standing(memory, items[at]).isPassed || standing(memory, items[at]).isClosed)) at += by;
  if (!items[at] || items[at].id === memory.at) return;
  choose(memory, items[at].id, PAUSE_MS);
}

function choose(memory, id, pause) {
  memory.at = id;
  highlight(memory, id);
  clearTimeout(memory.timer);
  memory.timer = setTimeout(() => memory.fire("open", id), pause);
}

function button(text, name, act) {
  const node = el("button", name, text);
  node.type = "button";
  node.onclick = act;
  return node;
}

function foot(memory) {
  memory.said = el("span", "said quiet num");
  memory.said.setAttribute("role", "status");
  memory.offer = button("", "offer", () => memory.fire("refresh", Date.now()));
  memory.before = button("‹", "before", () => memory.fire("turn", memory.desk.page - 1));
  memory.after = button("›", "after", () => memory.fire("turn", memory.desk.page + 1));
  memory.before.setAttribute("aria-label", "More urgent cards");
  memory.after.setAttribute("aria-label", "Less urgent cards");
  memory.batch = button("Batch…", "batch", () => memory.fire("batch", Date.now()));
  memory.batch.title = "Reject all that the filters show, or approve look-alikes";
  const toggle = button("Whole list", "toggle", () => {
    const isOpen = memory.frame.classList.toggle("is-open");
    toggle.textContent = isOpen ? "Fold list" : "Whole list";
    toggle.setAttribute("aria-expanded", String(isOpen));
  });
  toggle.setAttribute("aria-expanded", "false");
  return el("div", "foot", memory.said, memory.offer, memory.before, memory.after, toggle, memory.batch);
}

function mount(memory, root) {
  memory.list = el("div", "list");
  memory.list.setAttribute("role", "group");
  memory.list.onclick = (event) => {
    const node = event.target.closest(".row");
    if (node) choose(memory, Number(node.dataset.id), 0);
  };
  memory.frame = el("div", memory.desk ? "desk" : "", memory.list, memory.desk ? foot(memory) : null);
  root.append(memory.frame);
  memory.onKey = (event) => {
    const key = commandKey(event);
    if (key === "j") move(memory, 1);
    else if (key === "k") move(memory, -1);
  };
  memory.onLive = () => mark(memory);
  document.addEventListener("keydown", memory.onKey);
  document.addEventListener(LIVE, memory.onLive);
}

function drawDesk(memory, data) {
  desk().claimed = data.claimed;
  desk().me = data.me;
  desk().newest = data.newest;
  desk().listed = memory.items.map((item) => item.id);
  memory.said.textContent = plain(data.said);
  memory.before.hidden = memory.after.hidden = data.pages < 2;
  memory.before.disabled = data.page <= 0;
  memory.after.disabled = data.page >= data.pages - 1;
  memory.batch.hidden = !data.canBatch;
  // The address of what is on screen, to reload or pass on; costs neither message nor run.
  const query = new URLSearchParams(data.address).toString();
  history.replaceState(history.state, "", location.pathname + (query ? `?${query}` : ""));
}

function drawRows(memory, data) {
  const nodes = data.items.map(row);
  if (!data.items.length) {
    const clear = button("Clear filters", "clear", () => memory.fire("clear", Date.now()));
    nodes.push(el("p", "empty quiet", el("span", null, data.empty), data.desk?.canClear ? el("div", null, clear) : null));
  }
  const top = memory.list.scrollTop;
  memory.list.replaceChildren(...nodes);
  memory.list.scrollTop = top;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const memory = memoryOf(parentElement);
  memory.items = data.items;
  memory.desk = data.desk;
  memory.fire = (name, value) => {
    desk().whenFree(() => setTriggerValue(name, value)); // a decision on its way goes first
  };
  if (!memory.list) mount(memory, parentElement.querySelector(".root"));
  if (isNew(memory, data)) {
    memory.list.setAttribute("aria-label", data.name);
    const hadFocus = memory.list.contains(parentElement.activeElement ?? null);
    const rows = JSON.stringify(data.items);
    if (rows !== memory.rows) drawRows(memory, data);
    memory.rows = rows;
    memory.at = data.current;
    highlight(memory, data.current);
    if (data.desk) drawDesk(memory, data.desk);
    if (hadFocus) memory.list.querySelector(".current")?.focus();
  }
  mark(memory);
  return () => {
    document.removeEventListener("keydown", memory.onKey);
    document.removeEventListener(LIVE, memory.onLive);
    clearTimeout(memory.timer);
  };
}

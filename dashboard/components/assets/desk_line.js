// The line of figures over the queue, asked for again and again past any script run; it tells the
// list who is on which card and what closed. Also keeps this person's claim while they are active,
// and gives it back when the page is left. Data: {tiles: [{label, value, hint, tone}], paths:
// {queue, claim, release}}.
const EVERY_MS = 3000;
const KEEP_MS = 60000;
const SIGNS = ["keydown", "pointerdown", "pointermove", "wheel"];

function draw(memory, tiles) {
  const drawn = JSON.stringify(tiles);
  if (drawn === memory.shown) return;
  memory.shown = drawn;
  memory.row.replaceChildren(
    ...tiles.map((tile) => {
      const hint = tile.hint ? el("dd", "hint quiet", tile.hint) : null;
      return el("div", `tile ${tile.tone ?? ""}`, el("dd", "value num", tile.value), el("dt", "quiet", tile.label), hint);
    }),
  );
}

async function ask(memory) {
  if (document.hidden || !memory.paths) return;
  const after = desk().newest ?? 0;
  const midnight = Math.floor(new Date().setHours(0, 0, 0, 0) / 1000);
  const query = new URLSearchParams({ after, midnight, person: desk().me ?? "", listed: (desk().listed ?? []).join(".") });
  try {
    const answer = await fetch(`${memory.paths.queue}?${query}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const found = await answer.json();
    if (!memory.paths) return;
    draw(memory, found.tiles);
    desk().live = { ...found, after };
    document.dispatchEvent(new CustomEvent("greenlight:live"));
    memory.row.classList.remove("late");
    memory.row.title = "";
  } catch {
    memory.row.classList.add("late");
    memory.row.title = "Not up to date: the server does not answer";
  }
}

function claim() {
  return JSON.stringify({ review: desk().claimed, person: desk().me ?? "" });
}

function keep(memory) {
  if (!memory.isActive || !desk().claimed || !memory.paths) return;
  memory.isActive = false;
  const headers = { "content-type": "application/json" };
  fetch(memory.paths.claim, { method: "POST", headers, body: claim() }).catch(() => {});
}

function giveBack(memory) {
  if (!desk().claimed || !memory.paths) return;
  navigator.sendBeacon(memory.paths.release, new Blob([claim()], { type: "application/json" }));
  desk().claimed = null;
}

function mount(memory, root) {
  memory.row = el("dl", "tiles");
  root.append(memory.row);
  memory.isActive = true;
  memory.onSign = () => {
    memory.isActive = true;
  };
  memory.onLeave = () => giveBack(memory);
  for (const sign of SIGNS) document.addEventListener(sign, memory.onSign, { passive: true });
  addEventListener("pagehide", memory.onLeave);
  memory.asking = setInterval(() => ask(memory), EVERY_MS);
  memory.keeping = setInterval(() => keep(memory), KEEP_MS);
}

export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  if (!memory.row) mount(memory, parentElement.querySelector(".root"));
  memory.paths = data.paths;
  if (isNew(memory, data)) draw(memory, data.tiles);
  return () => {
    giveBack(memory);
    memory.paths = null;
    desk().live = null;
    for (const sign of SIGNS) document.removeEventListener(sign, memory.onSign);
    removeEventListener("pagehide", memory.onLeave);
    clearInterval(memory.asking);
    clearInterval(memory.keeping);
  };
}

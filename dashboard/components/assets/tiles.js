// A row of figures. Data: {tiles: [{label, value, hint, tone}], live: {path, tab, listed,
// is_filtered} | null}. A live row asks its path again and again, and offers cards that are not in
// the list yet; an empty list takes them at once. Trigger: refresh.
const EVERY_MS = 3000;

function draw(memory, tiles) {
  memory.row.replaceChildren(
    ...tiles.map((tile) =>
      el(
        "div",
        `tile ${tile.tone ?? ""}`,
        el("dt", "quiet", tile.label),
        el("dd", "value num", tile.value, tile.hint ? el("span", "hint quiet", tile.hint) : null),
      ),
    ),
  );
}

function offer(memory, waiting) {
  const live = memory.live;
  const fresh = live.is_filtered ? 0 : (waiting[live.tab] ?? 0) - live.listed;
  memory.offer.hidden = fresh <= 0;
  memory.offer.textContent = fresh === 1 ? "1 new card · show" : `${fresh} new cards · show`;
  if (fresh > 0 && live.listed === 0) memory.refresh();
}

async function ask(memory) {
  if (document.hidden || !memory.live) return;
  try {
    const answer = await fetch(memory.live.path, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const found = await answer.json();
    if (!memory.live) return;
    draw(memory, found.tiles);
    offer(memory, found.waiting);
    memory.row.classList.remove("late");
    memory.row.title = "";
  } catch {
    memory.row.classList.add("late");
    memory.row.title = "Not up to date: the server does not answer";
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const memory = memoryOf(parentElement);
  memory.refresh = () => setTriggerValue("refresh", Date.now());
  if (!memory.row) {
    memory.row = el("dl", "tiles");
    memory.offer = el("button", "offer");
    memory.offer.type = "button";
    memory.offer.hidden = true;
    memory.offer.onclick = () => memory.refresh();
    parentElement.querySelector(".root").append(memory.row, memory.offer);
  }
  if (isNew(memory, data)) {
    memory.live = data.live;
    draw(memory, data.tiles);
    memory.offer.hidden = true;
  }
  clearInterval(memory.timer);
  if (data.live) memory.timer = setInterval(() => ask(memory), EVERY_MS);
  return () => {
    memory.live = null;
    clearInterval(memory.timer);
  };
}

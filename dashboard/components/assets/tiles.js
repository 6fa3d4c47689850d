// A row of figures. Data: {tiles: [{label, value, hint, tone}]}.
export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  if (!isNew(memory, data)) return;
  const root = parentElement.querySelector(".root");
  root.replaceChildren(
    el(
      "dl",
      "tiles",
      data.tiles.map((tile) =>
        el(
          "div",
          `tile ${tile.tone ?? ""}`,
          el("dt", "quiet", tile.label),
          el("dd", "value num", tile.value, tile.hint ? el("span", "hint quiet", tile.hint) : null),
        ),
      ),
    ),
  );
}

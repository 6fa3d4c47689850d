// A row of figures. Data: {tiles: [{label, value, hint, tone}]}.
function figure(tile) {
  const hint = tile.hint ? el("span", "hint quiet", tile.hint) : null;
  return el("div", `tile ${tile.tone ?? ""}`, el("dt", "quiet", tile.label), el("dd", "value num", tile.value, hint));
}

export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  if (!isNew(memory, data)) return;
  parentElement.querySelector(".root").replaceChildren(el("dl", "tiles", data.tiles.map(figure)));
}

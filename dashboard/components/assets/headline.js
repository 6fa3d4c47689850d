// The figure a manager looks for first. Data: {label, figure, range, said, besides, detail}.
export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  if (!isNew(memory, data)) return;
  const figure = data.figure
    ? el("span", `figure num${data.figure === "unknown" ? " is-unknown" : ""}`, data.figure)
    : null;
  const range = data.range ? el("span", "range num", data.range) : null;
  const rows = [
    el("p", "line", figure, figure && range ? " " : null, range),
    el("p", "said num", data.said),
    data.besides ? el("p", "said besides num", data.besides) : null,
  ];
  parentElement.querySelector(".root").replaceChildren(el("div", "headline", rows));
}

// A figure that a manager looks for first. Data: {figure, range, said, besides, isQuiet}.
export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  if (!isNew(memory, data)) return;
  const figure = el("span", `figure num${/^[\d.]+ %$/.test(data.figure) ? "" : " in-words"}`, data.figure);
  const range = data.range ? el("span", "range num", data.range) : null;
  const rows = [
    el("p", "line", figure, range ? " " : null, range),
    el("p", "said num", data.said),
    data.besides ? el("p", "said besides num", data.besides) : null,
  ];
  parentElement
    .querySelector(".root")
    .replaceChildren(el("div", data.isQuiet ? "headline is-quiet" : "headline", rows));
}

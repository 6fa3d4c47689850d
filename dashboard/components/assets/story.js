// One case through time, oldest first. Every text is somebody's: textContent only, long ones folded.
// Data: {moments: [{seq, day, time, who, what, lines, words, tone, warning}], current}.
function moment(memory, item, number, current) {
  const node = el(
    "li",
    `moment ${item.tone}`,
    el(
      "p",
      "said",
      el("span", "who", item.who),
      ` ${item.what}`,
      el("span", "time num quiet", item.seq === null ? item.time : `${item.time} · #${item.seq}`),
    ),
    item.warning ? el("p", "warning", item.warning) : null,
    item.lines.map((line) => el("p", "line quiet", line)),
    item.words ? foldable(memory, String(number), item.words, 240, "words") : null,
  );
  if (item.seq !== null && item.seq === current) node.classList.add("current");
  return node;
}

export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  if (!isNew(memory, data)) return;
  let day = null;
  const items = data.moments.flatMap((item, number) => {
    const drawn = moment(memory, item, number, data.current);
    if (item.day === day) return [drawn];
    day = item.day;
    return [el("li", "day", el("h3", null, day)), drawn];
  });
  parentElement.querySelector(".root").replaceChildren(el("ol", "story", items));
}

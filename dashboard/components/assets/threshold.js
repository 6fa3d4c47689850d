// The threshold slider: share sent alone over the threshold, redrawn in the browser at every move;
// Python hears of it on release. Data: {points: [{t, share, sharePct, cards, labelled, wrong, right}],
// active, value}. State: threshold.
const NS = "http://www.w3.org/2000/svg";
const H = 190, PAD = { left: 40, right: 12, top: 16, bottom: 26 };
let W = 640; // the width at hand, so that the axis text keeps its size

function svg(tag, attributes, text) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  if (text !== undefined) node.textContent = plain(text);
  return node;
}

function scales(points) {
  const low = points[0].t, high = points[points.length - 1].t;
  return {
    x: (t) => PAD.left + ((t - low) / (high - low)) * (W - PAD.left - PAD.right),
    y: (share) => H - PAD.bottom - share * (H - PAD.top - PAD.bottom),
  };
}

function chart(data, scale) {
  const picture = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", class: "chart" });
  picture.setAttribute("aria-label", "Share of past drafts sent alone, by threshold");
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const y = scale.y(share);
    picture.append(svg("line", { x1: PAD.left, x2: W - PAD.right, y1: y, y2: y, class: "grid" }));
    picture.append(svg("text", { x: PAD.left - 6, y: y + 4, class: "axis end" }, `${share * 100} %`));
  }
  for (const point of data.points.filter((p) => Math.round(p.t * 100) % 10 === 0 || p.t === 0.85))
    picture.append(svg("text", { x: scale.x(point.t), y: H - 8, class: "axis mid" }, point.t.toFixed(2)));
  const line = data.points.map((p) => `${scale.x(p.t)},${scale.y(p.share)}`);
  const base = scale.y(0);
  const ends = [scale.x(data.points[0].t), scale.x(data.points[data.points.length - 1].t)];
  picture.append(svg("polygon", { points: `${ends[0]},${base} ${line.join(" ")} ${ends[1]},${base}`, class: "area" }));
  picture.append(svg("polyline", { points: line.join(" "), class: "curve" }));
  const now = scale.x(data.active);
  picture.append(svg("line", { x1: now, x2: now, y1: PAD.top, y2: base, class: "active" }));
  picture.append(svg("text", { x: now, y: PAD.top - 5, class: "axis mid" }, "now"));
  const cursor = svg("line", { y1: PAD.top, y2: base, class: "cursor" });
  const dot = svg("circle", { r: 5, class: "dot" });
  picture.append(cursor, dot);
  return { picture, cursor, dot };
}

function nearest(points, value) {
  return points.reduce((best, p) => (Math.abs(p.t - value) < Math.abs(best.t - value) ? p : best));
}

export default function ({ data, parentElement, setStateValue }) {
  const memory = memoryOf(parentElement);
  if (!isNew(memory, data)) return;
  const root = parentElement.querySelector(".root");
  W = Math.max(300, root.clientWidth || W);
  const scale = scales(data.points);
  const { picture, cursor, dot } = chart(data, scale);
  const input = el("input", "slider");
  Object.assign(input, { type: "range", min: data.points[0].t, step: 0.01 });
  input.max = data.points[data.points.length - 1].t;
  input.value = data.value;
  input.setAttribute("aria-label", "Confidence a draft must exceed to go out alone");
  const figures = el("dl", "figures");
  const now = nearest(data.points, data.active);
  const show = () => {
    const value = Number(input.value);
    const point = nearest(data.points, value);
    const x = scale.x(value);
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", scale.y(point.share));
    input.setAttribute("aria-valuetext", `above ${value.toFixed(2)}: ${point.sharePct} sent alone`);
    const moved = Math.abs(value - data.active) > 0.001;
    const facts = [
      ["Threshold", `> ${value.toFixed(2)}`, `> ${data.active.toFixed(2)}`],
      ["Sent alone", point.sharePct, now.sharePct],
      ["Cards a day", point.cards, now.cards],
      ["Right, of those sent alone", point.right, now.right],
    ];
    figures.replaceChildren(
      ...facts.map(([name, then, before]) =>
        el(
          "div",
          null,
          el("dt", "quiet", name),
          el("dd", "num", then),
          el("dd", "was quiet num", moved ? `now ${before}` : "as it is now"),
        ),
      ),
    );
  };
  input.oninput = show;
  input.onchange = () => setStateValue("threshold", Number(input.value));
  root.replaceChildren(figures, picture, el("div", "rail", input));
  show();
}

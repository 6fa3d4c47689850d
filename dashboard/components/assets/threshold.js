// The threshold slider: figures, a sentence and the risk-coverage curve, redrawn in the browser at
// every move; Python hears of it on release. Points come strictest first, as the rail runs.
// Data: {points: [{t, name, share, rate, low, high, ok, stricter, said, flips, figures: [[value, hint]]}],
// now: {share, isShown, figures}, labels, tips, active, value, jumps, limit, limitSaid, isStopped, unknown};
// `now` is the policy in force, the points are the candidate's. State: threshold.
const NS = "http://www.w3.org/2000/svg";
const H = 214, PAD = { left: 44, right: 14, top: 18, bottom: 34 };
const TICKS = new Set(["0.999", "0.99", "0.98", "0.95", "0.90", "0.80", "0.70", "0.60", "0.50"]);
const KEY_PAUSE = 180; // ms: of a run of arrow keys only the last is heard

function svg(tag, attributes, text) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  if (text !== undefined) node.textContent = plain(text);
  return node;
}

function percent(share) {
  return `${Number((100 * share).toPrecision(3))} %`;
}

const rounded = (share) => percent(Math.round(1000 * share) / 1000); // as the sentence above says it
const known = (data) => data.points.filter((p) => p.rate !== null);
const highest = (data) => Math.max(0, ...known(data).map((p) => p.high));

// The highest share of wrong on the axis: round, above the promise and the band. Only a range beyond
// 30 %, and three times what was measured, is cut, and the chart then says so.
function ceiling(data) {
  const tops = known(data).map((p) => Math.min(p.high, Math.max(0.3, 3 * p.rate)));
  const most = Math.max(2 * data.limit, ...tops);
  return [0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1].find((top) => top >= most) ?? 1;
}

function scales(data, width) {
  const top = ceiling(data);
  return {
    top,
    x: (share) => PAD.left + share * (width - PAD.left - PAD.right),
    y: (rate) => H - PAD.bottom - (Math.min(rate, top) / top) * (H - PAD.top - PAD.bottom),
  };
}

function axes(picture, scale, width) {
  for (let i = 0; i <= 4; i += 1) {
    const rate = (scale.top * i) / 4, y = scale.y(rate);
    picture.append(svg("line", { x1: PAD.left, x2: width - PAD.right, y1: y, y2: y, class: i ? "grid" : "base" }));
    if (i % 2 === 0) picture.append(svg("text", { x: PAD.left - 7, y: y + 4, class: "axis end" }, percent(rate)));
    const x = scale.x(i / 4);
    picture.append(svg("text", { x, y: H - PAD.bottom + 15, class: "axis mid" }, percent(i / 4)));
  }
  picture.append(svg("text", { x: PAD.left, y: PAD.top - 7, class: "axis" }, "share wrong"));
  picture.append(svg("text", { x: width - PAD.right, y: H - 4, class: "axis end" }, "share sent alone"));
}

// Band and line over a run of neighbouring points with enough labels.
function risk(picture, scale, points, kind) {
  if (points.length === 0) return;
  const up = points.map((p) => `${scale.x(p.share)},${scale.y(p.high)}`);
  const down = points.map((p) => `${scale.x(p.share)},${scale.y(p.low)}`).reverse();
  picture.append(svg("polygon", { points: [...up, ...down].join(" "), class: `band ${kind}` }));
  const line = points.map((p) => `${scale.x(p.share)},${scale.y(p.rate)}`).join(" ");
  picture.append(svg("polyline", { points: line, class: `curve ${kind}` }));
}

function mark(picture, scale, share, label, kind) {
  const x = scale.x(share), isNow = kind === "now";
  picture.append(svg("line", { x1: x, x2: x, y1: PAD.top - 2, y2: scale.y(0), class: `mark ${kind}` }));
  const isFar = x > scale.x(0.25); // room to the left of it
  const isOver = isNow && x > PAD.left + 82; // beside the axis' own title
  const at = isOver ? { x, y: PAD.top - 7 } : { x: x + (isFar ? -5 : 5), y: PAD.top + (isNow ? 24 : 9) };
  const side = isOver ? "mid" : isFar ? "end" : "";
  picture.append(svg("text", { ...at, class: `axis ${side} ${kind}` }, label));
}

function chart(data, width) {
  const scale = scales(data, width);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${H}`, role: "img", class: "chart" });
  picture.setAttribute("aria-label", "Share wrong over the share sent alone, with its range");
  axes(picture, scale, width);
  const cursor = svg("line", { y1: PAD.top, y2: scale.y(0), class: "cursor" });
  picture.append(cursor);
  risk(picture, scale, known(data), "measured");
  risk(picture, scale, known(data).filter((p) => p.ok), "certified");
  const limit = scale.y(data.limit);
  picture.append(svg("line", { x1: PAD.left, x2: width - PAD.right, y1: limit, y2: limit, class: "limit" }));
  picture.append(svg("text", { x: PAD.left + 4, y: limit - 4, class: "axis promise" }, data.limitSaid));
  const laxest = data.points.findLast((p) => p.ok);
  mark(picture, scale, data.now.share, "now", "now");
  if (laxest) mark(picture, scale, laxest.share, `certified from ${laxest.name}`, "promise");
  if (data.unknown)
    picture.append(svg("text", { x: width / 2 + 14, y: 0.36 * H, class: "axis mid unknown" }, data.unknown));
  const range = svg("line", { class: "whisker" });
  const tip = svg("path", { class: "tip" }), beyond = svg("text", { y: PAD.top + 40, class: "axis beyond" });
  const dot = svg("circle", { r: 5.5, class: "dot" });
  picture.append(range, tip, beyond, dot);
  return { picture, scale, cursor, range, tip, beyond, dot };
}

function place(drawn, point) {
  const { scale, cursor, range, tip, beyond, dot } = drawn;
  const x = scale.x(point.share);
  cursor.setAttribute("x1", x);
  cursor.setAttribute("x2", x);
  const isKnown = point.rate !== null;
  for (const node of [range, dot]) node.style.display = isKnown ? "" : "none"; // unknown is not 0
  const isCut = isKnown && point.high > scale.top; // an arrow: the range goes on above the axis
  for (const node of [tip, beyond]) node.style.display = isCut ? "" : "none";
  if (!isKnown) return;
  const isRight = x > scale.x(0.75);
  tip.setAttribute("d", `M${x - 6},${PAD.top + 8} L${x},${PAD.top - 1} L${x + 6},${PAD.top + 8}`);
  beyond.textContent = `to ${rounded(point.high)}`;
  beyond.setAttribute("x", x + (isRight ? -9 : 9));
  beyond.classList.toggle("end", isRight);
  dot.setAttribute("cx", x);
  dot.setAttribute("cy", scale.y(point.rate));
  range.setAttribute("x1", x);
  range.setAttribute("x2", x);
  range.setAttribute("y1", scale.y(point.low));
  range.setAttribute("y2", scale.y(point.high));
}

// One figure each: label, value, hint, what it is now. Only texts change while dragging.
function figures(data) {
  const list = el("dl", "figures");
  const nodes = data.labels.map((label, i) => {
    const value = el("dd", "value num"), hint = el("dd", "hint num"), was = el("dd", "was num");
    const box = el("div", i >= 4 ? "assumed" : null, el("dt", null, label), value, hint, was);
    box.title = plain(data.tips[i]);
    list.append(box);
    return { value, hint, was };
  });
  const show = (point) => {
    const isNow = point === data.points[data.active] && !data.now.isShown;
    nodes.forEach(({ value, hint, was }, i) => {
      value.textContent = plain(point.figures[i][0]);
      value.classList.toggle("is-unknown", point.figures[i][0] === "unknown");
      hint.textContent = plain(point.figures[i][1]);
      was.textContent = isNow ? "" : plain(`now ${data.now.figures[i][0]}`);
    });
  };
  return { list, show };
}

function rail(data, input) {
  const last = data.points.length - 1;
  const at = (i) => `${(100 * i) / Math.max(last, 1)}%`;
  const reach = (name, holds) => {
    const found = data.points.flatMap((p, i) => (holds(p) ? [i] : []));
    const span = el("span", name);
    span.hidden = found.length === 0;
    span.style.left = at(Math.max((found[0] ?? 0) - 0.5, 0));
    span.style.right = at(last - Math.min((found.at(-1) ?? 0) + 0.5, last));
    return span;
  };
  const green = [reach("stricter", (p) => p.stricter), reach("sure", (p) => p.ok)];
  const now = el("span", "tick");
  now.style.left = at(data.active);
  const ends = el("div", "ends", el("span", null, "\u2190 stricter"), el("span", null, "more goes out alone \u2192"));
  const scale = el("div", "scale");
  for (const [i, p] of data.points.entries()) {
    if (!TICKS.has(p.name) || (i > 0 && i < 3)) continue;
    const label = el("span", p.name === "0.98" ? "num minor" : "num", p.name);
    label.style.left = at(i);
    scale.append(label);
  }
  return el("div", "rail", ends, el("div", "bar", el("div", "track", green, now), input), scale);
}

function standing(data, point) {
  const limit = data.limitSaid;
  if (data.isStopped) return ["suspended: all to a person", "tag red"];
  if (point.ok) return [`certified: ${limit} at most`, "tag green"];
  return point.stricter ? ["stricter than tested", "tag"] : [`not certified for ${percent(data.limit)}`, "tag"];
}

function draw(data, memory, parentElement, say) {
  const root = parentElement.querySelector(".root");
  const input = memory.input ?? el("input", "slider");
  memory.input = input; // kept, so that a redraw does not take the focus away
  Object.assign(input, { type: "range", min: 0, step: 1, max: data.points.length - 1 });
  input.setAttribute("aria-label", "Confidence a draft must exceed to go out alone");
  if (memory.jumps !== data.jumps) input.value = data.value;
  memory.jumps = data.jumps;
  const head = el("p", "head num"), badge = el("span", "tag"), level = el("span", "level num");
  const flips = el("span", "flips quiet num"), said = el("p", "said num");
  head.append(level, badge, flips);
  const shown = figures(data);
  let drawn = chart(data, Math.max(300, root.clientWidth || 640));
  const show = () => {
    const point = data.points[Number(input.value)];
    level.textContent = `above ${point.name}`;
    const [text, kind] = standing(data, point);
    badge.textContent = plain(text);
    badge.className = kind;
    flips.textContent = `cases changed: ${plain(point.flips)}`;
    flips.hidden = point.flips.startsWith("0 to alone, 0 to a");
    said.textContent = plain(point.said);
    shown.show(point);
    place(drawn, point);
    input.setAttribute("aria-valuetext", plain(point.said));
  };
  const tell = () => say(data.points[Number(input.value)].t);
  input.oninput = show;
  input.onchange = () => {
    clearTimeout(memory.timer);
    memory.timer = setTimeout(tell, memory.byKey ? KEY_PAUSE : 0);
  };
  // In braces: a handler that returns false takes the press away from the slider.
  input.onkeydown = () => {
    memory.byKey = true;
  };
  input.onpointerdown = () => {
    memory.byKey = false;
  };
  const frame = el("div", "plot", drawn.picture);
  const most = highest(data) > drawn.scale.top ? ` (up to ${rounded(highest(data))}, above the axis)` : "";
  const legend = [
    ["measured", `measured, with its live range${most}: wider than a certificate\u2019s single test`],
    ["certified", "certified"],
    ["assumption", "rests on your costs"],
  ].map(([kind, text]) => el("span", kind, text));
  const focused = root.getRootNode().activeElement === input; // asked before rail() takes it away
  const parts = [head, said, shown.list, el("div", "legend", legend), frame, rail(data, input)];
  root.replaceChildren(...parts);
  if (focused) input.focus({ preventScroll: true });
  show();
  memory.widen = () => {
    const width = Math.max(300, frame.clientWidth);
    if (Math.abs(width - drawn.picture.viewBox.baseVal.width) < 2) return;
    drawn = chart(data, width);
    frame.replaceChildren(drawn.picture);
    place(drawn, data.points[Number(input.value)]);
  };
  memory.widen();
}

export default function ({ data, parentElement, setStateValue }) {
  const memory = memoryOf(parentElement);
  if (isNew(memory, data)) draw(data, memory, parentElement, (t) => setStateValue("threshold", t));
  if (!memory.watching) {
    memory.watching = new ResizeObserver(() => memory.widen());
    memory.watching.observe(parentElement.querySelector(".root"));
  }
}

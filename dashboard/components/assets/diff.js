// Word by word, what one text says otherwise than another. Longest common subsequence over tokens;
// texts too long for that are compared line by line.
const MOST_CELLS = 1_500_000;
const CONTEXT = 48; // letters of unchanged text kept on either side of a change

function tokens(text) {
  return text.match(/\s+|[\p{L}\p{N}]+(?:[.,:'’@-][\p{L}\p{N}]+)*|[^\s]/gu) ?? [];
}

function lines(text) {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

// [[op, text]] with op "=", "-" or "+"; neighbours of one kind are joined.
function wordDiff(before, after) {
  let a = tokens(before);
  let b = tokens(after);
  if (a.length * b.length > MOST_CELLS) [a, b] = [lines(before), lines(after)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  )
    tail += 1;
  const middle = inner(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  return joined([
    ...a.slice(0, head).map((token) => ["=", token]),
    ...middle,
    ...a.slice(a.length - tail).map((token) => ["=", token]),
  ]);
}

function inner(a, b) {
  if (!a.length || !b.length || a.length * b.length > MOST_CELLS)
    return [...a.map((token) => ["-", token]), ...b.map((token) => ["+", token])];
  const width = b.length + 1;
  const best = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      best[i * width + j] =
        a[i] === b[j]
          ? best[(i + 1) * width + j + 1] + 1
          : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
  const found = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      found.push(["=", a[i]]);
      i += 1;
      j += 1;
    } else if (best[(i + 1) * width + j] >= best[i * width + j + 1]) found.push(["-", a[i++]]);
    else found.push(["+", b[j++]]);
  }
  while (i < a.length) found.push(["-", a[i++]]);
  while (j < b.length) found.push(["+", b[j++]]);
  return found;
}

// A blank between two changes belongs to both, so that a changed phrase reads as a phrase.
function joined(pieces) {
  const runs = [];
  let [gone, come] = ["", ""];
  const close = () => {
    if (gone) runs.push(["-", gone]);
    if (come) runs.push(["+", come]);
    [gone, come] = ["", ""];
  };
  pieces.forEach(([op, text], at) => {
    if (op === "-") gone += text;
    else if (op === "+") come += text;
    else if (gone && come && /^[^\S\n]+$/.test(text) && (pieces[at + 1]?.[0] ?? "=") !== "=") {
      gone += text;
      come += text;
    } else {
      close();
      const last = runs.at(-1);
      if (last?.[0] === "=") last[1] += text;
      else runs.push(["=", text]);
    }
  });
  close();
  return runs;
}

function shortened(text, isFirst, isLast) {
  const room = (isFirst ? 0 : CONTEXT) + (isLast ? 0 : CONTEXT);
  if (text.length <= room + 24) return text;
  const start = isFirst ? "" : text.slice(0, CONTEXT).replace(/\s\S*$/, " ");
  const end = isLast ? "" : text.slice(text.length - CONTEXT).replace(/^\S*\s+/, " ");
  return `${start}…${end}`;
}

function diffView(before, after, { isWhole = false } = {}) {
  const runs = wordDiff(before, after);
  const marks = { "-": "del", "+": "ins" };
  return el(
    "div",
    "diff words",
    runs.map(([op, text], at) =>
      op === "="
        ? el("span", null, isWhole ? text : shortened(text, at === 0, at === runs.length - 1))
        : el(marks[op], null, text),
    ),
  );
}

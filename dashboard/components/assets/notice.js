// The line about what just happened. Undo is offered while it counts; the seconds run here, and the
// store refuses a late undo anyway. Place and height are reserved: nothing below ever shifts.
// Data: {id, tone, text, remainingMs, canUndo, offer: {title, text} | null}.
// Triggers: undo(id), takeBack(id).
function lineButton(label, key, act) {
  const node = el("button", "do", el("span", null, label), key ? el("kbd", null, key) : null);
  node.type = "button";
  if (key) node.setAttribute("aria-keyshortcuts", key);
  node.onclick = act;
  return node;
}

function tick(memory, label, button) {
  const left = Math.ceil((memory.until - performance.now()) / 1000);
  label.textContent = left > 0 ? `${left} s` : "on its way";
  button.hidden = left <= 0;
  memory.canUndo = left > 0;
  if (left <= 0) clearInterval(memory.timer);
}

// Taking money back is asked once more, in the same place.
function offered(memory, data, place) {
  const ask = () =>
    place.replaceChildren(
      el("span", "quiet", data.offer.text),
      lineButton(`Yes, ${data.offer.title.toLowerCase()}`, "", () => fire(memory, "takeBack")),
      lineButton("No", "", show),
    );
  const show = () => place.replaceChildren(lineButton(data.offer.title, "", ask));
  show();
}

function fire(memory, name) {
  if (memory.isFired) return;
  desk().whenFree(() => {
    memory.isFired = true;
    memory.trigger(name, memory.id);
  }, name);
}

function drawLine(memory, data, root) {
  clearInterval(memory.timer);
  memory.isFired = false;
  memory.id = data.id;
  memory.canUndo = data.canUndo;
  const isProblem = data.tone === "problem";
  root.setAttribute("aria-live", isProblem ? "assertive" : "polite");
  if (!data.text) return root.replaceChildren();
  const button = data.canUndo ? lineButton("Undo", "U", () => fire(memory, "undo")) : null;
  const left = el("span", "left num");
  left.setAttribute("aria-hidden", "true");
  const place = el("span", "offer");
  const line = el("div", `line ${data.tone}`, el("span", "dot"), el("span", "words text", data.text), place, left, button);
  line.setAttribute("role", isProblem ? "alert" : "status");
  line.title = plain(data.text);
  root.replaceChildren(line);
  if (data.offer) offered(memory, data, place);
  if (button && data.remainingMs !== null) {
    memory.until = performance.now() + data.remainingMs;
    tick(memory, left, button);
    memory.timer = setInterval(() => tick(memory, left, button), 250);
  }
  return undefined;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const memory = memoryOf(parentElement);
  memory.trigger = setTriggerValue;
  if (!memory.onKey) {
    memory.onKey = (event) => {
      if (commandKey(event) !== "u" || !memory.canUndo) return;
      event.preventDefault();
      fire(memory, "undo");
    };
    document.addEventListener("keydown", memory.onKey);
  }
  // The seconds left differ at every rerun; the line is drawn once per thing that happened.
  if (isNew(memory, { ...data, remainingMs: null })) drawLine(memory, data, parentElement.querySelector(".root"));
  return () => {
    clearInterval(memory.timer);
    document.removeEventListener("keydown", memory.onKey);
    memory.onKey = null;
  };
}

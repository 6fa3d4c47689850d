// What opens in the bar of the card: the reason of a rejection, a confirmation, the menu, the help.
function keyHint(text) {
  const node = el("kbd", null, text);
  node.setAttribute("aria-hidden", "true");
  return node;
}

function pressable(label, key, act, { kind = "", isOff = false, hint = "" } = {}) {
  const node = el("button", `act ${kind}`, el("span", "words", label), key ? keyHint(key) : null);
  node.type = "button";
  node.disabled = isOff;
  if (hint) node.title = plain(hint);
  if (key) node.setAttribute("aria-keyshortcuts", key.replace("Ctrl", "Control").replace("Esc", "Escape"));
  node.onclick = act;
  return node;
}

function choice(key, label, isChosen, act, hint = "") {
  const node = el("button", `choice ${isChosen ? "chosen" : ""}`, keyHint(key), el("span", "words", label), hint ? el("span", "hint", hint) : null);
  node.type = "button";
  node.setAttribute("aria-pressed", String(isChosen));
  node.setAttribute("aria-keyshortcuts", key);
  node.onclick = act;
  return node;
}

function group(title, className, ...children) {
  const node = el("div", `group ${className}`, el("h3", null, title), el("div", "choices", ...children));
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", plain(title));
  node.onkeydown = arrows;
  return node;
}

// Arrow keys walk over the choices of a group; Enter and Space press them, as buttons do.
function arrows(event) {
  const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  const at = event.target.closest("button");
  if (!by || !at) return;
  const all = [...event.currentTarget.querySelectorAll("button")];
  all[(all.indexOf(at) + by + all.length) % all.length].focus();
  event.preventDefault();
}

function noteField(view, label) {
  const box = el("textarea", "note-box");
  box.rows = 2;
  box.value = view.note;
  box.placeholder = label;
  box.setAttribute("aria-label", label);
  box.oninput = () => {
    view.note = box.value;
  };
  return box;
}

function refusalPanel(data, view, card) {
  const isWrong = view.mode === "wrong";
  const needsStep = data.steps.length > 0;
  const reasons = isWrong
    ? null
    : group(
        "Why reject it?",
        `reasons ${view.reason === null ? "" : "picked"}`,
        data.reasons.map((reason, at) =>
          choice(String(at + 1), reason.title, view.reason === reason.code, () => card.chooseReason(at), reason.hint),
        ),
      );
  const isWaiting = !isWrong && view.reason === null;
  const steps = needsStep
    ? group(
        "Which step went wrong first?",
        `steps ${isWaiting ? "later" : ""}`,
        data.steps.map((step) =>
          choice(step.key, step.title, view.step === step.step, () => card.chooseStep(step.key)),
        ),
      )
    : null;
  for (const node of isWaiting && steps ? steps.querySelectorAll("button") : []) node.disabled = true;
  return el(
    "div",
    "panel refusal",
    el("div", "columns", reasons, steps),
    view.hasNote ? noteField(view, "Note for colleagues and the agent") : null,
  );
}

function typingPanel(title, view, card) {
  const input = el("input", "input confirm-box");
  input.value = view.confirmation;
  input.autocomplete = "off";
  input.spellcheck = false;
  input.oninput = () => {
    view.confirmation = input.value;
  };
  input.onkeydown = (event) => {
    if (event.key !== "Enter" || event.repeat || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    card.confirm();
  };
  return el("div", "panel typing", el("label", "typed-label", el("span", null, "Type ", el("b", "mono words", view.ask), ` ${title}`), input));
}

function answerPanel(data, view) {
  const asked = data.answers.find((answer) => answer.act === view.answer);
  return el("div", "panel answer", asked ? el("p", "words", asked.text) : null, noteField(view, "Note (optional): where you looked, and what you saw"));
}

function notePanel(view) {
  return el("div", "panel note", noteField(view, "A note for colleagues; the agent never reads it"));
}

function morePanel(data, card) {
  const menu = data.menu;
  const isMine = menu.assignedTo === menu.me;
  const assign = (name, to) => pressable(name, "", () => card.send("assign", { to }), { kind: `small ${menu.assignedTo === to ? "chosen" : ""}` });
  return el(
    "div",
    "panel more",
    data.closed
      ? null
      : [
          group("Assign to", "row", isMine ? null : assign("Me", menu.me), menu.people.map((name) => assign(name, name)), menu.assignedTo ? assign("Nobody", "") : null),
          group(
            "Snooze for",
            "row",
            menu.snoozes.map((one) => pressable(one.label, "", () => card.send("snooze", { hours: one.hours }), { kind: "small" })),
          ),
        ],
    group(
      "This card",
      "row",
      pressable("Copy link", "", () => card.copyLink(), { kind: "small" }),
      pressable("Add a note", "", () => card.go("note"), { kind: "small" }),
      pressable("Keys", "H", () => card.go("help"), { kind: "small" }),
      pressable(areKeysOn() ? "Turn keys off" : "Turn keys on", "", () => card.toggleKeys(), { kind: "small" }),
    ),
  );
}

const HELP = [
  ["J · K", "Next, previous card"],
  ["A", "Approve; on an audit: it was right"],
  ["E", "Edit the reply and the arguments"],
  ["Ctrl+Enter", "Send the edit; confirm what is open"],
  ["X", "Reject; on an audit: it was wrong"],
  ["1 … 9", "The reason, then the first wrong step"],
  ["0 · Q", "No single step · the customer"],
  ["N", "A note with the rejection"],
  ["1 · 2 · 3", "Answer what became of a delivery"],
  ["S", "Skip for now"],
  ["U", "Undo"],
  ["F", "From a closed card to what replaced it"],
  ["B", "Take my approval back"],
  ["T · L · M", "Customer, similar cases, notes"],
  ["O", "More: assign, snooze, link"],
  ["Esc", "Back"],
];

function helpPanel() {
  return el(
    "div",
    "panel help",
    el("dl", null, HELP.map(([key, text]) => el("div", null, el("dt", null, keyHint(key)), el("dd", null, text)))),
    el("p", "small quiet", areKeysOn() ? "Keys rest while you type. Turn them off under More." : "Keys are off. Turn them on under More."),
  );
}

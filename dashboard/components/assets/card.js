// The card: one review and everything about deciding it. A decision leaves as one trigger, `act`,
// and the card is locked until the data that answers it arrives (or five seconds have passed).
const NARROW = 900;

function freshView() {
  return { mode: "read", reason: null, step: null, note: "", hasNote: false, answer: null, ask: "", confirmation: "", problem: "" };
}

function slot(memory, name, value, build) {
  const text = JSON.stringify(value);
  if (memory.drawnSlots[name] === text) return;
  memory.drawnSlots[name] = text;
  memory.slots[name].replaceChildren(...[build()].flat().filter(Boolean));
}

function say(memory, text) {
  memory.view.problem = text;
  drawBar(memory);
}

function go(memory, mode) {
  const { view } = memory;
  if (memory.locked) return;
  Object.assign(view, freshView(), { mode, note: mode === "read" ? "" : view.note });
  draw(memory);
  const first = { edit: ".reply-box", note: ".note-box", confirm: ".confirm-box" }[mode];
  const box = first ? memory.root.querySelector(first) : null;
  if (box) {
    box.focus();
    if (mode === "edit") box.setSelectionRange(box.value.length, box.value.length);
  } else memory.root.querySelector("article").focus({ preventScroll: true });
}

function panel(memory) {
  const { data, view } = memory;
  const card = memory.card;
  if (view.mode === "reject" || view.mode === "wrong") return refusalPanel(data, view, card);
  if (view.mode === "confirm") return typingPanel(view.pending === "edit" ? "to send your edit" : "to approve", view, card);
  if (view.mode === "answer") return answerPanel(data, view);
  if (view.mode === "note") return notePanel(view);
  if (view.mode === "more") return morePanel(data, card);
  return view.mode === "help" ? helpPanel() : null;
}

function confirming(memory) {
  const { data, view } = memory;
  const back = pressable("Back", "Esc", () => go(memory, "read"), { isOff: Boolean(memory.locked) });
  const labels = {
    edit: "Send edit",
    reject: "Reject",
    wrong: "It was wrong",
    confirm: view.pending === "edit" ? "Send edit" : "Approve",
    answer: data.answers.find((one) => one.act === view.answer)?.label,
    note: "Save note",
  };
  const key = "Ctrl+Enter";
  const send = pressable(labels[view.mode], key, () => confirm(memory), { kind: "primary decides", isOff: Boolean(memory.locked) });
  if ((view.mode === "reject" || view.mode === "wrong") && !view.hasNote) return [back, pressable("Add a note", "N", () => openNote(memory))];
  return [send, back];
}

function choosing(memory) {
  const { data } = memory;
  const { can } = data;
  const off = Boolean(memory.locked);
  const more = pressable("More", "O", () => toggle(memory, "more"));
  more.setAttribute("aria-expanded", String(memory.view.mode === "more"));
  if (data.closed) return [can.follow ? pressable("Show the newer one", "F", () => follow(memory), { kind: "primary" }) : null, el("span", "grow"), more];
  const buttons = data.answers.map((one) =>
    pressable(one.label, one.key, () => sendAnswer(memory, one), { kind: "decides", isOff: off || one.isOff, hint: one.whyNot ?? "" }),
  );
  if (can.judge)
    buttons.push(
      el("b", "question", "Was this right?"),
      pressable("Right", "A", () => judge(memory), { kind: "primary decides", isOff: off }),
      pressable("Wrong", "X", () => refuse(memory), { kind: "decides", isOff: off }),
    );
  if (data.kind === "draft" || data.kind === "reversal") {
    buttons.push(pressable("Approve", "A", () => approve(memory), { kind: "primary decides", isOff: off || !can.approve, hint: data.bar }));
    if (data.kind === "draft") buttons.push(pressable("Edit", "E", () => edit(memory), { isOff: off || !can.edit }));
    buttons.push(pressable("Reject", "X", () => refuse(memory), { kind: "decides", isOff: off || !can.reject }));
  }
  if (can.unsay) buttons.push(pressable("Take my approval back", "B", () => send(memory, "unsay"), { kind: "decides", isOff: off }));
  buttons.push(pressable("Skip", "S", () => isReady(memory) && send(memory, "skip"), { kind: "decides aside", isOff: off }));
  return [...buttons, el("span", "grow"), more];
}

function drawBar(memory) {
  const { data, view, root } = memory;
  const shown = { ...view, note: null, confirmation: null };
  const value = [shown, memory.locked, areKeysOn(), data.id, data.revision, data.can, data.bar, data.closed, data.answers, data.steps, data.reasons, data.menu, data.confirm];
  const focused = [".note-box", ".confirm-box"].find((name) => root.getRootNode().activeElement?.matches(name));
  slot(memory, "bar", value, () => {
    const problem = el("p", "problem-line words", view.problem);
    problem.setAttribute("role", "alert");
    const isPlain = ["read", "more", "help"].includes(view.mode);
    const bar = data.bar && isPlain ? el("p", "why-not words small", data.bar) : null;
    const whyNot = data.answers.filter((one) => one.whyNot && isPlain).map((one) => el("p", "small quiet words", `It cannot be taken back: ${one.whyNot}`));
    const row = el("div", "buttons", memory.locked ? el("span", "sending", "Sending…") : null, isPlain ? choosing(memory) : confirming(memory));
    return [panel(memory), view.problem ? problem : null, bar, whyNot, row].flat();
  });
  root.dataset.locked = String(Boolean(memory.locked));
  if (focused) root.querySelector(focused)?.focus(); // drawn anew, but still being typed in
}

function draw(memory) {
  const { data, view, root } = memory;
  slot(memory, "head", [data.title, data.tags, data.meta], () => caseHead(data));
  slot(memory, "lead", [data.closed, data.changed, data.lead, data.people], () => [caseClosed(data), caseChanged(data), caseLead(data), casePeople(data)]);
  slot(memory, "why", [data.why, data.whyTitle], () => caseWhy(data));
  slot(memory, "message", [data.id, data.message], () => caseMessage(memory, data));
  slot(memory, "action", [data.id, data.action], () => caseAction(memory, data));
  const typed = view.mode === "edit" ? null : typedAt(typedKey(data));
  slot(memory, "reply", [data.id, data.revision, data.reply, data.editor, view.mode === "edit", typed], () => (data.kind === "reversal" || data.kind === "unknown" ? [] : replySection(memory, data, view.mode)));
  drawBar(memory);
  root.dataset.mode = view.mode;
}

function fit(memory) {
  const { root } = memory;
  const isWide = window.innerWidth > NARROW;
  const scroller = document.querySelector('[data-testid="stMain"]');
  const top = root.getBoundingClientRect().top + (scroller?.scrollTop ?? 0);
  root.style.setProperty("--room", isWide ? `${Math.max(460, window.innerHeight - top - 16)}px` : "auto");
}

// A press counts 600 ms after the card was painted: what came before was meant for another card.
function arm(memory) {
  clearTimeout(memory.arming);
  memory.isArmed = false;
  memory.root.dataset.armed = "false";
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      memory.arming = setTimeout(() => {
        if (!memory.root) return; // the page was left meanwhile
        memory.isArmed = true;
        memory.root.dataset.armed = "true";
      }, memory.data.armMs);
    }),
  );
}

function mount(memory, root) {
  memory.root = root;
  memory.view = freshView();
  memory.drawnSlots = {};
  const names = ["head", "lead", "why", "message", "action", "reply", "bar"];
  memory.slots = Object.fromEntries(names.map((name) => [name, el("div", `slot-${name}`)]));
  const { head, bar, ...body } = memory.slots;
  bar.classList.add("bar");
  const article = el("article", "card", head, el("div", "body", Object.values(body)), bar);
  article.querySelector(".body").tabIndex = 0; // scrolled by the arrow keys
  article.tabIndex = -1;
  article.setAttribute("aria-label", "The card");
  root.replaceChildren(article);
  memory.go = (mode) => go(memory, mode);
  memory.onTyped = () => memory.view.problem && say(memory, "");
  memory.card = {
    go: memory.go,
    send: (act, said) => send(memory, act, said),
    chooseReason: (at) => chooseReason(memory, at),
    chooseStep: (key) => chooseStep(memory, key),
    confirm: () => confirm(memory),
    copyLink: () => copyLink(memory),
    toggleKeys: () => toggleKeys(memory),
  };
  memory.onKey = (event) => onKey(memory, event);
  memory.onResize = () => fit(memory);
  document.addEventListener("keydown", memory.onKey);
  window.addEventListener("resize", memory.onResize);
}

// The server has answered what was sent: go on, or open what it asks for.
function answered(memory, data, isSameCard) {
  const { act, said } = memory.sent;
  const answer = data.answer;
  unlock(memory);
  if (!answer.problem && answer.ask === null) {
    if (act === "edit") keepTyped(memory.data, { ...typedOf(memory.data), isSent: true });
    if (isSameCard) memory.view = freshView();
  } else if (isSameCard) {
    memory.data = data;
    if (answer.ask !== null) ask(memory, answer.ask, { act, said });
    memory.view.problem = answer.problem;
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const memory = memoryOf(parentElement);
  const root = parentElement.querySelector(".root");
  if (memory.root !== root) mount(memory, root);
  memory.trigger = setTriggerValue;
  if (isNew(memory, data)) {
    const before = memory.data;
    const isSameCard = before?.decisionId === data.decisionId; // one per review, revision, person
    if (memory.locked && data.answer.nonce === memory.locked) answered(memory, data, isSameCard);
    memory.data = data;
    if (!isSameCard) {
      memory.view = freshView();
      memory.slots.bar.previousSibling.scrollTop = 0;
    }
    draw(memory);
    fit(memory);
    Object.assign(root.dataset, { reviewId: data.id, revision: data.revision, complete: "true" });
    if (!isSameCard || (data.changed && !before.changed)) arm(memory);
  }
  return () => {
    document.removeEventListener("keydown", memory.onKey);
    window.removeEventListener("resize", memory.onResize);
    clearTimeout(memory.stuck);
    clearTimeout(memory.arming);
    if (memory.locked) unlock(memory);
    memory.root = null;
  };
}

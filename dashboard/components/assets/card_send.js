// What the card sends, and when. Nothing is sent before the card is armed, nor while something else
// is on its way; five fast presses are one decision.
const STUCK_MS = 5000;

function isReady(memory) {
  return memory.isArmed && !memory.locked;
}

function nonce() {
  return globalThis.crypto?.randomUUID?.() ?? `${performance.now()}-${Math.random()}`;
}

function send(memory, act, said = {}) {
  if (memory.locked) return;
  const { data } = memory;
  memory.locked = nonce();
  memory.sent = { act, said };
  memory.view.problem = "";
  desk().begin(STUCK_MS);
  memory.stuck = setTimeout(() => unstick(memory), STUCK_MS);
  memory.trigger("act", {
    act,
    nonce: memory.locked,
    review_id: data.id,
    revision: data.revision,
    digest: data.digest,
    decision_id: data.decisionId,
    ...said,
  });
  drawBar(memory);
}

// No answer came: ask for the card anew. A decision that did arrive is not made twice by this.
function unstick(memory) {
  memory.locked = null;
  const { data } = memory;
  say(memory, "No answer yet. If the card stays, try again: the same decision counts once.");
  memory.trigger("act", { act: "redraw", nonce: nonce(), review_id: data.id, revision: data.revision, digest: data.digest, decision_id: data.decisionId });
}

function unlock(memory) {
  clearTimeout(memory.stuck);
  memory.locked = null;
  desk().end();
}

function approve(memory) {
  const { data } = memory;
  if (!isReady(memory) || !data.can.approve) return;
  if (isTypedOver(data)) {
    say(memory, "You have an edit that is not sent. E then Ctrl+Enter sends it; or discard it first.");
    return;
  }
  if (data.confirm !== null) ask(memory, data.confirm, { act: "approve", said: {} });
  else send(memory, "approve");
}

function ask(memory, text, pending) {
  go(memory, "confirm");
  Object.assign(memory.view, { ask: text, pending: pending.act });
  memory.pending = pending;
  drawBar(memory);
  memory.root.querySelector(".confirm-box")?.focus();
}

function sendEdit(memory) {
  if (!isReady(memory) || !memory.data.can.edit) return;
  const found = readEdit(memory.data);
  if (found.problem) {
    say(memory, found.problem);
    memory.root.querySelector(found.field === "reply" ? ".reply-box" : `[data-field="${CSS.escape(found.field)}"]`)?.focus();
    return;
  }
  send(memory, "edit", found.sent);
}

function sendRefusal(memory) {
  const { view, data } = memory;
  if (!isReady(memory)) return;
  const isWrong = view.mode === "wrong";
  if (!isWrong && view.reason === null) {
    say(memory, "Choose a reason first: it tells the agent and the reports what went wrong.");
    return;
  }
  send(memory, isWrong ? "wrong" : "reject", { reason: isWrong ? null : view.reason, step: view.step || null, note: view.note });
}

function sendAnswer(memory, answer) {
  if (!isReady(memory) || answer.isOff) return;
  if (memory.view.mode !== "answer" && answer.isAsked) {
    go(memory, "answer");
    memory.view.answer = answer.act;
    drawBar(memory);
  } else send(memory, answer.act, { note: memory.view.note });
}

function confirm(memory) {
  const { view, data } = memory;
  if (view.mode === "edit") sendEdit(memory);
  else if (view.mode === "reject" || view.mode === "wrong") sendRefusal(memory);
  else if (view.mode === "answer") sendAnswer(memory, data.answers.find((one) => one.act === view.answer));
  else if (view.mode === "note" && view.note.trim()) send(memory, "note", { note: view.note });
  else if (view.mode === "confirm" && isReady(memory)) {
    const { act, said } = memory.pending;
    send(memory, act, { ...said, confirmation: view.confirmation });
  }
}

function chooseReason(memory, at) {
  const reason = memory.data.reasons[at];
  if (!reason || memory.locked) return;
  memory.view.reason = reason.code;
  if (!memory.data.steps.length && !memory.view.hasNote) sendRefusal(memory);
  else drawBar(memory);
  memory.root.querySelector(".steps button")?.focus();
}

function chooseStep(memory, key) {
  const { view, data } = memory;
  const step = data.steps.find((one) => one.key === key);
  if (!step || memory.locked || (view.mode === "reject" && view.reason === null)) return;
  view.step = step.step;
  if (view.hasNote) drawBar(memory);
  else sendRefusal(memory);
}

function openNote(memory) {
  memory.view.hasNote = true;
  drawBar(memory);
  memory.root.querySelector(".note-box")?.focus();
}

function copyLink(memory) {
  const link = `${location.origin}${location.pathname}?review=${memory.data.id}`;
  const done = () => say(memory, "");
  navigator.clipboard?.writeText(link).then(done, () => say(memory, link)) ?? say(memory, link);
  go(memory, "read");
}

function toggleKeys(memory) {
  try {
    if (areKeysOn()) localStorage.setItem(KEYS_OFF, "1");
    else localStorage.removeItem(KEYS_OFF);
  } catch {
    say(memory, "This browser keeps nothing, so the keys cannot be turned off.");
  }
  go(memory, "read");
}

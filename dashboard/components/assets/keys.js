// The keys of the card. Each stands for a button that shows it; while a panel is open only its own
// keys count.
function onKey(memory, event) {
  const isInside = event.composedPath().includes(memory.root);
  const isElsewhere = isTypedInto(event) && !isInside;
  const { view } = memory;
  if (view.mode !== "read" && !isElsewhere && (areKeysOn() || isInside)) {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      event.preventDefault();
      if (!event.repeat) confirm(memory);
      return;
    }
    if (event.key === "Escape" && !event.repeat) {
      event.preventDefault();
      go(memory, "read");
      return;
    }
  }
  const key = commandKey(event);
  if (key !== null && command(memory, key)) event.preventDefault();
}

// Do what a key stands for; return whether it stood for anything.
function command(memory, key) {
  const { data, view } = memory;
  if (view.mode === "reject" || view.mode === "wrong") return refusalKey(memory, key);
  if (key === "h") return toggle(memory, "help");
  if (key === "o") return toggle(memory, "more");
  if (view.mode === "edit" && key === "e") return focusReply(memory);
  if (key === "f" && view.mode === "read" && data.can.follow) return follow(memory);
  if (view.mode !== "read" || data.closed) return false;
  const answer = data.answers.find((one) => one.key === key);
  const acts = {
    a: data.can.judge ? () => judge(memory) : () => approve(memory),
    e: () => edit(memory),
    x: () => refuse(memory),
    s: () => isReady(memory) && send(memory, "skip"),
    b: () => data.can.unsay && isReady(memory) && send(memory, "unsay"),
  };
  if (answer) sendAnswer(memory, answer);
  else if (acts[key]) acts[key]();
  else return false;
  return true;
}

function toggle(memory, mode) {
  go(memory, memory.view.mode === mode ? "read" : mode);
  return true;
}

function focusReply(memory) {
  memory.root.querySelector(".reply-box")?.focus();
  return true;
}

function follow(memory) {
  send(memory, "follow");
  return true;
}

function judge(memory) {
  if (isReady(memory)) send(memory, "right");
}

function edit(memory) {
  if (memory.data.can.edit) go(memory, "edit");
}

function refuse(memory) {
  const { can } = memory.data;
  if (isReady(memory) && (can.reject || can.judge)) go(memory, can.judge ? "wrong" : "reject");
}

function refusalKey(memory, key) {
  const { view, data } = memory;
  if (key === "n") openNote(memory);
  else if (view.mode === "reject" && view.reason === null && /^[1-9]$/.test(key)) chooseReason(memory, Number(key) - 1);
  else if (data.steps.some((step) => step.key.toLowerCase() === key)) chooseStep(memory, key.toUpperCase());
  else return false;
  return true;
}

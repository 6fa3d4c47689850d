// One line about what just happened. With `remainingMs` it counts down, then hides the Undo button
// beside it (the store refuses a late undo anyway). Data: {id, tone, text, remainingMs}.
function countdown(memory, node, box) {
  const left = Math.ceil((memory.until - performance.now()) / 1000);
  node.textContent = left > 0 ? `Goes out in ${left} s` : "On its way";
  if (box) box.style.display = left > 0 ? "" : "none";
  if (left <= 0) clearInterval(memory.timer);
}

export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  const stop = () => clearInterval(memory.timer);
  if (memory.id === data.id) return stop;
  memory.id = data.id;
  stop();
  const left = el("span", "quiet num left");
  parentElement.querySelector(".root").replaceChildren(
    el("div", `line ${data.tone}`, el("span", "dot"), el("span", "words text", data.text), left),
  );
  const box = document.querySelector(".st-key-undo_box");
  if (box) box.style.display = "";
  if (data.remainingMs !== null) {
    memory.until = performance.now() + data.remainingMs;
    countdown(memory, left, box);
    memory.timer = setInterval(() => countdown(memory, left, document.querySelector(".st-key-undo_box")), 250);
  }
  parentElement.querySelector(".line").setAttribute("role", data.tone === "problem" ? "alert" : "status");
  return stop;
}

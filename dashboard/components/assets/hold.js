// What stops automatic delivery, holds and suspended promises a line each, on every page. It asks its
// path now and then, so that a page nobody touches tells it too. Where nothing does it takes no room.
// Data: {text, path}.
const EVERY_MS = 4000;

function show(memory, text) {
  if (memory.text === text) return;
  memory.text = text;
  document.body.classList.toggle("is-held", Boolean(text));
  memory.root.replaceChildren(
    ...(text ? [el("div", "hold", el("span", "pause"), el("span", "words", text))] : []),
  );
}

async function ask(memory) {
  if (document.hidden) return;
  try {
    const answer = await fetch(memory.path, { cache: "no-store" });
    if (answer.ok && memory.timer) show(memory, (await answer.json()).text);
  } catch {
    // the server is away: the line stays as it was, and Streamlit says so itself
  }
}

export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  memory.path = data.path;
  memory.root = parentElement.querySelector(".root");
  memory.root.setAttribute("role", "status");
  if (isNew(memory, data)) show(memory, data.text);
  clearInterval(memory.timer);
  memory.timer = setInterval(() => ask(memory), EVERY_MS);
  return () => {
    clearInterval(memory.timer);
    memory.timer = null;
  };
}

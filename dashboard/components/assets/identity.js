// Who is signed in, and signing out. It asks now and then whether that is still so, and says when it
// is not: what is typed on the page stays, and goes out after signing in again in another tab.
// Data: {person, role, how}.
const WHO = "/auth/me";
const EVERY_MS = 5000;

async function leave(button) {
  button.disabled = true;
  try {
    await fetch("/auth/logout", { method: "POST", redirect: "manual" });
    window.location.assign("/auth/signed-out");
  } catch {
    button.disabled = false; // the server is away, and Streamlit says so itself
  }
}

function signedIn(memory) {
  const { person, role, how } = memory.data;
  const button = el("button", "leave", "Sign out");
  button.type = "button";
  button.onclick = () => leave(button);
  const who = el(
    "div",
    "who",
    el("span", "name", person),
    el("span", "quiet", ` · ${memory.role ?? role}`),
    el("div", "quiet how", how),
  );
  who.title = plain(how);
  return [who, button];
}

// In a tab of its own: what is typed here stays.
function signedOut() {
  const link = el("a", "again", "Sign in again");
  link.href = "/auth/login";
  link.target = "_blank";
  link.rel = "noopener";
  return [el("div", "over", "You are signed out. What you typed here is kept."), link];
}

function replaced(person) {
  const link = el("a", "again", "Reload");
  link.href = window.location.href;
  return [el("div", "over", `${person} is signed in here now.`), link];
}

function draw(memory, state, parts) {
  if (memory.state === state) return;
  memory.state = state;
  memory.root.replaceChildren(...parts());
  memory.root.classList.toggle("ended", !state.startsWith("in:"));
}

async function ask(memory) {
  if (document.hidden) return;
  try {
    const answer = await fetch(WHO, { cache: "no-store" });
    if (!memory.timer) return;
    if (answer.status === 401) {
      draw(memory, "out", signedOut);
    } else if (answer.ok) {
      const now = await answer.json();
      memory.role = now.role;
      if (now.person === memory.data.person) draw(memory, `in:${now.role}`, () => signedIn(memory));
      else draw(memory, `other:${now.person}`, () => replaced(now.person));
    }
  } catch {
    // the server is away: what was known stays
  }
}

export default function ({ data, parentElement }) {
  const memory = memoryOf(parentElement);
  memory.root = parentElement.querySelector(".root");
  memory.root.setAttribute("aria-live", "polite");
  if (isNew(memory, data)) {
    memory.data = data;
    memory.role = data.role;
    memory.state = null;
    draw(memory, `in:${data.role}`, () => signedIn(memory));
  }
  clearInterval(memory.timer);
  memory.timer = setInterval(() => ask(memory), EVERY_MS);
  const shown = () => ask(memory);
  document.removeEventListener("visibilitychange", memory.shown);
  document.addEventListener("visibilitychange", shown);
  memory.shown = shown;
  return () => {
    clearInterval(memory.timer);
    memory.timer = null;
    document.removeEventListener("visibilitychange", shown);
  };
}

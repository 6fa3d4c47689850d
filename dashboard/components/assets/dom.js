// Shared by every component: build elements from plain text only, redraw only when data changed.

// Direction overrides, zero-width characters and other invisible ones that can disguise text.
const INVISIBLE = /(?![\t\n\ufe00-\ufe0f])[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029]/gu;

function plain(value) {
  return String(value ?? "").replace(
    INVISIBLE,
    (c) => `[U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`,
  );
}

function el(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(plain(child)));
  }
  return node;
}

const MEMORY = new WeakMap(); // per mounted component: what survives a redraw

function memoryOf(parentElement) {
  if (!MEMORY.has(parentElement)) MEMORY.set(parentElement, { drawn: null, open: new Set() });
  return MEMORY.get(parentElement);
}

function isNew(memory, data) {
  const text = JSON.stringify(data);
  if (memory.drawn === text) return false;
  memory.drawn = text;
  return true;
}

// Long text is folded, never cut: a button shows the rest, and stays open across redraws.
function foldable(memory, key, text, limit, className) {
  const value = plain(text);
  const body = el("div", className, value);
  if (value.length <= limit && value.split("\n").length <= 9) return body;
  const toggle = el("button", "fold");
  toggle.type = "button";
  const apply = () => {
    const open = memory.open.has(key);
    body.classList.toggle("folded", !open);
    toggle.textContent = open ? "Show less" : "Show all";
    toggle.setAttribute("aria-expanded", String(open));
  };
  toggle.onclick = () => {
    if (!memory.open.delete(key)) memory.open.add(key);
    apply();
  };
  apply();
  return el("div", null, body, toggle);
}

// --- what all components of a page share -------------------------------------------------------

// One object per page. While a decision is under way nothing else is sent: Streamlit may drop one
// of two triggers that come within one rerun. `whenFree` keeps one thing to do per slot.
function desk() {
  document.greenlight ??= {
    busy: false,
    waiting: new Map(),
    timer: 0,
    begin(limit = 5000) {
      this.busy = true;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.end(), limit);
    },
    end() {
      clearTimeout(this.timer);
      this.busy = false;
      const held = [...this.waiting];
      this.waiting.clear();
      for (const [slot, act] of held) this.whenFree(act, slot);
    },
    whenFree(act, slot = "next") {
      if (this.busy) this.waiting.set(slot, act);
      else act();
    },
  };
  return document.greenlight;
}

const KEYS_OFF = "greenlight:keys-off";

function areKeysOn() {
  try {
    return localStorage.getItem(KEYS_OFF) === null;
  } catch {
    return true; // no storage in this browser: the keys stay on
  }
}

function isTypedInto(event) {
  return event
    .composedPath()
    .some(
      (node) =>
        node instanceof HTMLElement &&
        (node.isContentEditable ||
          /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName) ||
          node.getAttribute("role") === "dialog"),
    );
}

// The key that was pressed as a command, in lower case; null while somebody types, holds a
// modifier or the key, has something open above the page, or has turned the keys off.
function commandKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented)
    return null;
  if (!areKeysOn() || isTypedInto(event)) return null;
  if (document.querySelector('[role="dialog"], [role="listbox"], [data-testid="stPopoverBody"]'))
    return null;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code ?? "");
  if (digit) return digit[1]; // some keyboards have digits on the shifted row
  return event.shiftKey ? null : event.key.toLowerCase();
}

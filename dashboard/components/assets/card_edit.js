// The reply and its editor. What is typed is kept per run and revision, in memory and in the tab's
// storage: no rerun, other card, page or reload touches it.
const TYPED = new Map();
const PREFIX = "greenlight:typed:";
const MOST_KEPT = 40;

function typedKey(data) {
  return `${PREFIX}${data.run}:${data.revision}`;
}

function stored(act, otherwise = null) {
  try {
    return act(sessionStorage);
  } catch {
    return otherwise; // no storage in this browser: memory alone
  }
}

function typedAt(key) {
  if (!TYPED.has(key)) {
    const text = stored((storage) => storage.getItem(key));
    TYPED.set(key, text ? JSON.parse(text) : null);
  }
  return TYPED.get(key);
}

function keepTyped(data, typed) {
  const key = typedKey(data);
  TYPED.set(key, typed);
  stored((storage) => {
    if (typed === null) return storage.removeItem(key);
    storage.removeItem(key); // last in, last out
    const kept = Object.keys(storage).filter((name) => name.startsWith(PREFIX));
    if (kept.length >= MOST_KEPT) storage.removeItem(kept[0]);
    return storage.setItem(key, JSON.stringify(typed));
  });
}

function typedOf(data) {
  const fields = data.editor?.fields ?? [];
  const args = Object.fromEntries(fields.map((field) => [field.name, asTyped(field)]));
  const kept = typedAt(typedKey(data));
  return kept
    ? { ...kept, args: { ...args, ...kept.args } }
    : { reply: data.reply.text, args, isAnswerOnly: false, isSent: false };
}

// What was typed on an earlier revision of the same case and never sent.
function typedBefore(data) {
  const start = `${PREFIX}${data.run}:`;
  const names = new Set([...TYPED.keys(), ...stored((storage) => Object.keys(storage), [])]);
  for (const name of names) {
    if (!name.startsWith(start) || name === typedKey(data)) continue;
    const kept = typedAt(name);
    if (kept && !kept.isSent) return { key: name, reply: kept.reply };
  }
  return null;
}

function isTypedOver(data) {
  if (!data.editor) return false;
  const typed = typedOf(data);
  const isSame = data.editor.fields.every((field) => typed.args[field.name] === asTyped(field));
  return typed.reply !== data.reply.text || !isSame || typed.isAnswerOnly;
}

function grow(box) {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + 2}px`;
}

function replyEditor(memory, data) {
  const typed = typedOf(data);
  const box = el("textarea", "reply-box");
  box.value = typed.reply;
  box.setAttribute("aria-label", "Reply to the customer");
  const difference = el("div", "difference");
  const fields = el("div", "fields");
  const show = () => {
    const isSame = typed.reply === data.reply.text;
    difference.replaceChildren(isSame ? "" : diffView(data.reply.text, typed.reply));
    fields.hidden = typed.isAnswerOnly;
  };
  const keep = () => {
    keepTyped(data, { ...typed, isSent: false });
    show();
    memory.onTyped();
  };
  box.oninput = () => {
    typed.reply = box.value;
    grow(box);
    keep();
  };
  fields.append(
    ...data.editor.fields.map((field) =>
      editField(field, typed.args[field.name], (value) => {
        typed.args[field.name] = value;
        keep();
      }),
    ),
  );
  show();
  requestAnimationFrame(() => grow(box));
  const heading = data.editor.fields.length ? el("h3", null, "Arguments of ", el("span", "mono", data.editor.tool)) : null;
  if (heading) fields.prepend(heading);
  return [box, dropToggle(data, typed, keep), fields, difference];
}

function dropToggle(data, typed, keep) {
  if (data.editor.forced) return el("p", "small quiet", data.editor.forced);
  if (!data.editor.drop) return null;
  const toggle = el("input");
  toggle.type = "checkbox";
  toggle.checked = typed.isAnswerOnly;
  toggle.onchange = () => {
    typed.isAnswerOnly = toggle.checked;
    keep();
  };
  return el("label", "drop", toggle, el("span", null, data.editor.drop));
}

function replySection(memory, data, mode) {
  const reply = data.reply;
  const isEditing = mode === "edit";
  const isUnsent = !isEditing && isTypedOver(data);
  const label = isEditing ? `Your reply, instead of what ${reply.isAgent ? "the agent" : "a person"} wrote` : reply.by;
  const before = isEditing ? null : typedBefore(data);
  return el(
    "section",
    `reply ${reply.isAgent && !isEditing ? "agent" : "person"}`,
    el("div", "head", el("h3", "words", label), el("span", "grow"), before && data.editor ? takeBack(memory, data, before) : null, isUnsent || isEditing ? discard(memory, data, isEditing) : null),
    isEditing
      ? replyEditor(memory, data)
      : [
          isUnsent
            ? el("div", "unsent", el("p", "small", "You have an edit that is not sent. Press E to go on."), diffView(reply.text, typedOf(data).reply, { isWhole: true }))
            : foldable(memory, `reply-${data.id}-${data.revision}`, reply.text, 1400, "words letter"),
          reply.before !== null && !isUnsent
            ? difference(reply, data.can.approve)
            : null,
        ],
  );
}

// What a person made of the agent's words: open for whoever may approve it.
function difference(reply, isOpen) {
  const node = el("details", "was", el("summary", null, "What was changed"), diffView(reply.before, reply.text));
  node.open = isOpen;
  return node;
}

function takeBack(memory, data, before) {
  const button = el("button", "link", "Your text");
  button.type = "button";
  button.title = "Put what you had typed before into the reply; nothing is sent";
  button.onclick = () => {
    keepTyped(data, { ...typedOf(data), reply: before.reply, isSent: false });
    TYPED.set(before.key, null);
    stored((storage) => storage.removeItem(before.key));
    memory.go("edit");
  };
  return button;
}

function discard(memory, data, isEditing) {
  const button = el("button", "link", isEditing ? "Back to the draft" : "Discard my edit");
  button.type = "button";
  button.onclick = () => {
    keepTyped(data, null);
    memory.go("read");
  };
  return button;
}

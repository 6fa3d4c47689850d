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

// --- fields ------------------------------------------------------------------------------------

function asTyped(field) {
  return field.type === "boolean" ? Boolean(field.value) : String(field.value ?? "");
}

// {value} or {problem} of one field as it was typed.
function readField(field, typed) {
  if (field.type === "boolean") return { value: Boolean(typed) };
  const text = String(typed).trim();
  if (text === "") return field.isRequired ? { problem: "It is needed." } : { value: undefined };
  if (field.choices.length) {
    const value = field.choices.find((choice) => String(choice) === text);
    return value === undefined ? { problem: "Choose one of the list." } : { value };
  }
  if (field.type === "string") return checkText(field, String(typed));
  const isWhole = /^-?\d{1,15}$/.test(text);
  if (field.type === "integer" && !isWhole) return { problem: "A whole number is needed." };
  const value = Number(text);
  if (!Number.isFinite(value)) return { problem: "A number is needed." };
  return checkNumber(field.limits, value);
}

function checkNumber(limits, value) {
  if (value < limits.minimum) return { problem: `At least ${limits.minimum}.` };
  if (value > limits.maximum) return { problem: `At most ${limits.maximum}.` };
  if (value <= limits.exclusiveMinimum) return { problem: `More than ${limits.exclusiveMinimum}.` };
  if (value >= limits.exclusiveMaximum) return { problem: `Less than ${limits.exclusiveMaximum}.` };
  return { value };
}

function checkText(field, value) {
  const { minLength, maxLength } = field.limits;
  if (value.length < minLength) return { problem: `At least ${minLength} letters.` };
  if (value.length > maxLength) return { problem: `At most ${maxLength} letters.` };
  if (field.pattern && !fits(field.pattern, value)) return { problem: "It has another form." };
  return { value };
}

function fits(pattern, value) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true; // a pattern this browser cannot read: the server checks it
  }
}

// Everything that an edit sends, or the first problem with the field that has it.
function readEdit(data) {
  const typed = typedOf(data);
  const isAnswerOnly = typed.isAnswerOnly || Boolean(data.editor.forced);
  if (!typed.reply.trim()) return { problem: "The reply is empty.", field: "reply" };
  const args = {};
  for (const field of isAnswerOnly ? [] : data.editor.fields) {
    const found = readField(field, typed.args[field.name]);
    if (found.problem) return { problem: `${field.name}: ${found.problem}`, field: field.name };
    if (found.value !== undefined) args[field.name] = found.value;
  }
  if (!isTypedOver(data) && !data.editor.forced)
    return { problem: "Nothing was changed. Press Esc, then A to approve it as it is.", field: "reply" };
  return { sent: { reply: typed.reply, args, is_answer_only: isAnswerOnly } };
}

function readMoney(money, typed) {
  if (!/^\d{1,15}$/.test(String(typed).trim())) return "";
  const digits = String(typed).trim().padStart(money.digits + 1, "0");
  const whole = digits.slice(0, digits.length - money.digits).replace(/\B(?=(\d{3})+$)/g, ",");
  const rest = money.digits ? `.${digits.slice(-money.digits)}` : "";
  return `${money.before}${whole}${rest}${money.after}`;
}

function fieldInput(field, typed, change) {
  if (field.choices.length) {
    const options = field.choices.map((choice) => el("option", null, String(choice)));
    const select = el("select", "input", options);
    select.value = typed;
    select.onchange = () => change(select.value);
    return select;
  }
  const input = el("input", "input");
  if (field.type === "boolean") {
    input.type = "checkbox";
    input.className = "";
    input.checked = typed;
    input.onchange = () => change(input.checked);
    return input;
  }
  input.value = typed;
  input.autocomplete = "off";
  input.spellcheck = false;
  if (field.type !== "string") input.inputMode = field.type === "integer" ? "numeric" : "decimal";
  input.oninput = () => change(input.value);
  return input;
}

function editField(field, typed, change) {
  const beside = el("span", "beside num");
  const problem = el("span", "problem");
  problem.setAttribute("role", "status");
  const show = (value) => {
    beside.textContent = field.money ? readMoney(field.money, value) : "";
    problem.textContent = readField(field, value).problem ?? "";
  };
  const input = fieldInput(field, typed, (value) => {
    show(value);
    change(value);
  });
  input.dataset.field = field.name;
  show(typed);
  return el("label", "field", el("span", "quiet mono words", field.name), input, beside, problem);
}

// --- the section -------------------------------------------------------------------------------

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
            ? el("details", "was", el("summary", null, "What was changed"), diffView(reply.before, reply.text, { isWhole: true }))
            : null,
        ],
  );
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

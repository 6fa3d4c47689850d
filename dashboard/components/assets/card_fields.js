// The argument editor: one field per argument that a person may change, by the tool's schema. What
// is wrong is said while it is typed; the server checks all of it again.
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

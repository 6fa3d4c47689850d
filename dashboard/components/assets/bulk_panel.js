// Many cards at once. Data: {batch, verdict, chosen, groups: [{title, count, money}], count, money,
// items: [{id, title, money}], sample: [{title, message, reply, action, money}], leftOut: [[why,
// count]], reasons: [{code, title}], needsFilter, scope: "" or how much of the list this takes in}.
// Triggers: switch(verdict), choose(group), close, confirm({batch, typed, reason, note}).
const VERBS = { approve: "Approve", reject: "Reject" };

function cards(count) {
  return count === 1 ? "1 card" : `${count} cards`;
}

function button(name, act, ...content) {
  const node = el("button", name, ...content);
  node.type = "button";
  node.onclick = act;
  return node;
}

function ways(memory) {
  const titles = { approve: "Approve look-alikes", reject: "Reject all shown" };
  const nodes = Object.entries(titles).map(([verdict, title]) => {
    const node = button("way", () => memory.fire("switch", verdict), title);
    node.setAttribute("aria-pressed", String(verdict === memory.data.verdict));
    return node;
  });
  return el("div", "ways", nodes);
}

function groups(memory) {
  const data = memory.data;
  if (data.verdict !== "approve" || data.groups.length < 2) return null;
  const nodes = data.groups.map((group, at) => {
    const node = button("group", () => memory.fire("choose", at), el("span", "name", group.title), el("span", "num quiet", cards(group.count)), el("span", "num", group.money));
    node.setAttribute("aria-pressed", String(at === data.chosen));
    return node;
  });
  return el("div", "groups", nodes);
}

function shown(one) {
  return el(
    "article",
    "one panel",
    el("h3", null, one.title),
    el("div", "words", one.message),
    el("div", "words reply", one.reply),
    el("div", "runs", el("span", "mono", one.action), one.money ? el("b", "num", one.money) : null),
  );
}

function leftOut(data) {
  if (!data.leftOut.length) return null;
  const parts = data.leftOut.map(([why, count]) => `${count}: ${why}`);
  return el("p", "left quiet", `Left out: ${parts.join(" · ")}`);
}

function reasons(memory) {
  if (memory.data.verdict !== "reject") return null;
  const nodes = memory.data.reasons.map((reason) => {
    const node = button(
      "reason",
      () => {
        memory.reason = reason.code;
        for (const other of node.parentElement.children) other.setAttribute("aria-pressed", String(other === node));
        ready(memory);
      },
      reason.title,
    );
    node.setAttribute("aria-pressed", String(reason.code === memory.reason));
    return node;
  });
  const group = el("div", "reasons", nodes);
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Why reject them?");
  memory.note = el("input", "text");
  memory.note.maxLength = 500;
  memory.note.placeholder = "Note for the record (optional)";
  memory.note.setAttribute("aria-label", "Note for the record, optional");
  return el("div", "why", el("h3", null, "Why reject them?"), group, memory.note);
}

function ready(memory) {
  const data = memory.data;
  const hasReason = data.verdict === "approve" || Boolean(memory.reason);
  memory.sure.disabled = memory.typed.value.trim() !== String(data.count) || !hasReason;
}

function check(memory) {
  const data = memory.data;
  memory.typed = el("input", "text number");
  memory.typed.inputMode = "numeric";
  memory.typed.autocomplete = "off";
  memory.typed.oninput = () => ready(memory);
  const label = el("label", "ask", el("span", null, `Type ${data.count} to confirm`), memory.typed);
  const send = () => {
    memory.sure.disabled = true;
    memory.fire("confirm", { batch: data.batch, typed: memory.typed.value, reason: memory.reason ?? "", note: memory.note?.value ?? "" });
  };
  memory.sure = button("sure", send, `${VERBS[data.verdict]} ${cards(data.count)}`);
  memory.typed.onkeydown = (event) => {
    if (event.key === "Enter" && !memory.sure.disabled) send();
  };
  memory.sure.disabled = true;
  return el("div", "check", label, memory.sure, data.money ? el("span", "num quiet", `${data.money} in all`) : null);
}

function body(memory) {
  const data = memory.data;
  if (data.needsFilter) {
    return [el("p", "quiet", "Search or filter first, so that the list shows what is to be rejected, and nothing else.")];
  }
  if (!data.count) {
    const what = data.verdict === "approve" ? "No waiting card may be approved this way: only replies and small reversible actions are." : "Nothing to reject here.";
    return [el("p", "quiet", what), leftOut(data)];
  }
  const some = data.sample.length < data.count ? `${data.sample.length} of the ${data.count}, in full` : "All of them, in full";
  return [groups(memory), reasons(memory), check(memory), leftOut(data), el("h3", null, some), el("div", "samples", data.sample.map(shown)), titles(data)];
}

function titles(data) {
  if (data.sample.length >= data.count) return null;
  const list = el("details", "all", el("summary", null, `All ${data.count} by title`));
  list.append(el("ul", null, data.items.map((item) => el("li", null, `#${item.id} ${item.title} ${item.money}`))));
  return list;
}

function draw(memory) {
  const { data } = memory;
  const close = button("close", () => memory.fire("close", Date.now()), "Back to the card");
  const head = el("div", "head", el("h2", null, "Many cards at once"), close);
  const hint = el("p", "quiet", "One decision each. Nobody looked at every card, so none of them counts as evidence of right or wrong.");
  const scope = data.scope && !data.needsFilter ? el("p", "scope num", data.scope) : null;
  memory.root.replaceChildren(...[head, ways(memory), hint, scope, ...body(memory)].filter(Boolean));
}

export default function ({ data, parentElement, setTriggerValue }) {
  const memory = memoryOf(parentElement);
  memory.fire = (name, value) => desk().whenFree(() => setTriggerValue(name, value));
  memory.root = parentElement.querySelector(".root");
  if (!isNew(memory, data)) return;
  if (memory.data?.batch !== data.batch) memory.reason = undefined;
  const isFirst = !memory.data;
  memory.data = data;
  draw(memory);
  if (isFirst) memory.root.querySelector(".way[aria-pressed=true]")?.focus();
}

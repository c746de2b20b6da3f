// Edit and approve: the arguments as JSON, what is changed, and how the edited call would be decided.

import { button, fill, h, outcomeBadge, visible } from "./dom.js";
import { explanationNode, reasonList } from "./explanation.js";
import { changes, compact, isStructure, read, same, write } from "./json.js";
import { post, words } from "./net.js";

let count = 0;

export class Edit {
  constructor(each, approve, cancel) {
    this.each = each;
    this.before = read(each.approval.proposed).args;
    this.asked = 0;
    const name = `edit-${count += 1}`;
    const text = write(this.before, "", true);
    this.text = h("textarea", { id: name, rows: Math.min(24, text.split("\n").length + 1), spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-describedby": `${name}-state` });
    this.text.value = text;
    this.text.addEventListener("input", () => this.changed());
    this.state = h("p.faint", { id: `${name}-state`, "aria-live": "polite" });
    this.diff = h("div");
    this.decisions = h("div.decisions-pair");
    this.submit = button("Approve the edited call", () => approve(this.text.value), { kind: "primary", "data-action": "approve-edit" });
    this.node = h("section.edit", { "aria-label": "Edit the call" },
      h("label", { for: name }, "Arguments, as JSON"), this.text, this.state, this.diff, this.decisions,
      h("div.actions", this.submit, button("Cancel", cancel, { "data-action": "cancel-edit" })));
    this.node.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); cancel(); } });
    this.changed();
  }

  focus() { this.text.focus(); }

  changed() {
    this.submit.disabled = true;
    clearTimeout(this.timer);
    let args;
    try {
      args = read(this.text.value);
      if (!isStructure(args) || Array.isArray(args)) throw new Error("Expected an object: the arguments by name.");
    } catch (error) {
      this.asked += 1;
      fill(this.state, ...visible(error.message));
      fill(this.diff);
      fill(this.decisions);
      return;
    }
    const differs = !same(this.before, args);
    this.submit.disabled = !differs;
    fill(this.state, differs ? "" : "Nothing is changed yet.");
    fill(this.diff, differs && diffList(this.before, args));
    this.timer = setTimeout(() => this.decide(differs), 250);
  }

  /** Both decisions, by the policy as it stands and in the session as it stands. */
  async decide(differs) {
    const turn = (this.asked += 1);
    const { session, approval, asked } = this.each;
    const call = (args) => `{"id":${JSON.stringify(approval.call_id)},"tool":${JSON.stringify(approval.tool)},"args":${args}}`;
    const rest = `"session":${JSON.stringify(session)},"principal":${compact(who(asked))},"signals":${compact(asked?.signals ?? {})}`;
    try {
      const before = await post("v1/explain", `{"call":${call(compact(this.before))},${rest}}`);
      const after = differs ? await post("v1/explain", `{"call":${call(this.text.value)},${rest},"approved":true}`) : null;
      if (turn !== this.asked) return;
      fill(this.decisions, side("As proposed", before), after && side("As edited, once you approve", after, true));
    } catch (error) {
      if (turn === this.asked) fill(this.decisions, h("p.problem", ...visible(words(error))));
    }
  }
}

function who(asked) {
  return asked?.principal ? { id: asked.principal.id, roles: asked.principal.roles ?? [] } : {};
}

function side(title, found, edited = false) {
  const denied = edited && found.outcome !== "ALLOW";
  return h("div.side", { "data-outcome": found.outcome },
    h("h4", title), h("p", outcomeBadge(found.outcome)), reasonList(found.reasons),
    denied && h("p.caution", "An approval does not turn this: the call would be refused when the agent proposes it again."),
    h("details.more", h("summary", "Every rule"), explanationNode({ ...found, reasons: [], changes: [] })));
}

/** What an edit changes: for each argument before and after, with what they have in common left plain. */
export function diffList(before, after) {
  const found = changes(before, after);
  if (!found.length) return h("p.faint", "Nothing is changed.");
  return h("table.diff", h("caption.unseen", "What the edit changes"),
    h("thead", h("tr", h("th", { scope: "col" }, "Argument"), h("th", { scope: "col" }, "Proposed"), h("th", { scope: "col" }, "Edited"))),
    h("tbody", ...found.map((each) => {
      const [removed, added] = parts(each.before, each.after);
      return h("tr", h("th", { scope: "row" }, h("code", ...visible(each.path.replace(/^\$\.?/, "") || "arguments"))),
        h("td", { "data-label": "Proposed" }, removed), h("td", { "data-label": "Edited" }, added));
    })));
}

function parts(before, after) {
  if (before === undefined) return [h("span.faint", "not there"), h("ins", ...visible(shown(after)))];
  if (after === undefined) return [h("del", ...visible(shown(before))), h("span.faint", "left out")];
  if (typeof before !== "string" || typeof after !== "string") {
    return [h("code.value", h("del", ...visible(shown(before)))), h("code.value", h("ins", ...visible(shown(after))))];
  }
  const old = Array.from(before);
  const made = Array.from(after);
  let start = 0;
  while (start < old.length && start < made.length && old[start] === made[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < made.length - start && old.at(-1 - end) === made.at(-1 - end)) end += 1;
  while (start && WORD.test(old[start - 1])) start -= 1; // whole words: a digit marked within a number misleads
  while (end && WORD.test(old.at(-end))) end -= 1;
  const cut = (chars, name) => h("code.value",
    ...visible(chars.slice(0, start).join("")), h(name, ...visible(chars.slice(start, chars.length - end).join(""))),
    ...visible(end ? chars.slice(-end).join("") : ""));
  return [cut(old, "del"), cut(made, "ins")];
}

const WORD = /[\p{L}\p{M}\p{N}]/u;

function shown(value) { return typeof value === "string" ? value : compact(value); }

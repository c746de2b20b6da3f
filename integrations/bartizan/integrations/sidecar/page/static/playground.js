// The playground: how a call would be decided, by the policy in force or by another text of it. Nothing is recorded.

import { announce, button, fill, h, said } from "./dom.js";
import { explanationNode } from "./explanation.js";
import { NotJSON, isStructure, read } from "./json.js";
import { get, post, words } from "./net.js";
import { argumentList } from "./sources.js";

const KEPT = { call: "bartizan.playground.call", policy: "bartizan.playground.policy" };

export class Playground {
  constructor() {
    this.turn = 0;
    this.call = area("playground-call", 14, sessionStorage.getItem(KEPT.call) ?? "");
    this.session = h("input", { id: "playground-session", type: "search", autocomplete: "off", spellcheck: "false" });
    this.policy = area("playground-policy", 24, sessionStorage.getItem(KEPT.policy) ?? "");
    this.state = h("p.faint");
    this.result = h("div.result-box", { "aria-live": "polite" });
    this.editor = h("details.more", h("summary", "Try another policy"),
      h("p.faint", "What stands here decides instead of the policy in force, for this page only. It may include packs, and what the policy in force includes."),
      this.policy, h("div.actions", button("Put the policy in force here", () => this.fetchPolicy(true)), button("Empty", () => { this.policy.value = ""; this.keep(); }, { kind: "quiet" })));
    this.editor.open = Boolean(this.policy.value);
    this.node = h("section", h("div.heading", h("h1", "Playground"), h("p.faint", "Nothing here is recorded, counted or run.")),
      h("div.playground",
        h("form", { on: { submit: (event) => { event.preventDefault(); this.explain(); } } },
          h("label", { for: "playground-call" }, "A call, or a case as under a policy’s tests (JSON or YAML)"), this.call,
          h("div.field", h("label", { for: "playground-session" }, "In this session, as it stands (may be left empty)"), this.session),
          this.editor,
          h("div.actions", h("button.primary", { type: "submit", title: "Ctrl+Enter" }, "Explain"), this.state)),
        this.result));
    for (const each of [this.call, this.policy]) {
      each.addEventListener("input", () => this.keep());
      each.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.explain(); } });
    }
  }

  title() { return "Playground"; }

  show() { if (!this.call.value) this.fetchPolicy(false); }

  hide() { this.keep(); }

  keep() {
    sessionStorage.setItem(KEPT.call, this.call.value);
    sessionStorage.setItem(KEPT.policy, this.policy.value);
  }

  async fetchPolicy(text) {
    try {
      const found = await get("v1/policy");
      const begun = this.call.value || document.activeElement === this.call;
      if (text && found.source) { this.policy.value = found.source.text; this.keep(); }
      else if (found.tools.length && !begun) this.call.value = `{"tool": ${JSON.stringify(found.tools[0].name)}, "args": {}}`;
    } catch (error) {
      fill(this.state, said(words(error)));
    }
  }

  /** A JSON object with a tool is a call; everything else is a case, which the service reads. */
  body() {
    const fields = [];
    const text = this.call.value.trim();
    let call = null;
    try { call = read(text); } catch (error) { if (!(error instanceof NotJSON)) throw error; }
    if (isStructure(call) && "tool" in call) {
      fields.push(`"call":${text}`);
      if (this.session.value.trim()) fields.push(`"session":${JSON.stringify(this.session.value.trim())}`);
    } else fields.push(`"case":${JSON.stringify(text)}`);
    if (this.editor.open && this.policy.value.trim()) fields.push(`"policy":${JSON.stringify(this.policy.value)}`);
    return `{${[...fields, '"nearest":true'].join(",")}}`;
  }

  async explain() {
    const turn = (this.turn += 1);
    fill(this.state, "asking …");
    try {
      const found = await post("v1/explain", this.body());
      if (turn !== this.turn) return;
      fill(this.state, found.policy.live ? "by the policy in force" : ["by another policy, ", h("code", found.policy.hash.slice(0, 12))]);
      fill(this.result, h("h2", "Decision"), explanationNode(found),
        h("section", h("h4", "Where the arguments come from"), found.heard ? null : h("p.faint", "Nothing was said in this case, so that nothing could come from anywhere."),
          argumentList(found.arguments, { ...found, unheard: !found.heard })));
      announce(`Decided: ${found.outcome}`);
    } catch (error) {
      if (turn !== this.turn) return;
      fill(this.state);
      fill(this.result, h("h2", "No decision"), h("pre.problem", said(words(error))));
    }
  }
}

function area(id, rows, value) {
  const made = h("textarea", { id, rows, spellcheck: "false", autocapitalize: "off", autocomplete: "off" });
  if (id.endsWith("policy")) made.setAttribute("aria-label", "Another policy, as YAML");
  made.value = value;
  return made;
}

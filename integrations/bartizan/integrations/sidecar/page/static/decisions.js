// The timeline: what was decided, newest first, live. Filters are part of the address, so that a view can be shared.

import { badge, button, fill, h, outcomeBadge, said, visible } from "./dom.js";
import { patchList, reasonList, shadowList } from "./explanation.js";
import { compact, write } from "./json.js";
import { clock, stamp } from "./times.js";

const KINDS = { decision: "", review: "review", approval: "asks a person", resolution: "answer", result: "result", observation: "observed", error: "tool failed", superseded: "took no effect", text: "text" };
const PAGE = 100;

export class Decisions {
  constructor(store, query) {
    this.store = store;
    this.limit = PAGE;
    this.paused = false;
    this.waiting = 0;
    this.filters = { tool: "", outcome: "", rule: "", session: "", what: "decisions" };
    this.inputs = {};
    for (const [name, value] of new URLSearchParams(query)) if (name in this.filters) this.filters[name] = value;
    this.list = h("ol.timeline");
    this.more = button("Show more", () => { this.limit += PAGE; this.draw(); }, { kind: "quiet" });
    this.pause = button("Pause", () => this.toggle(), { kind: "quiet", "aria-pressed": "false" });
    this.count = h("p.faint", { "aria-live": "off" });
    this.node = h("section", h("div.heading", h("h1", "Decisions"), this.count, this.pause), this.form(), this.list, this.more);
    this.listener = ({ detail }) => this.added(detail);
  }

  title() { return "Decisions"; }

  show() { this.store.addEventListener("record", this.listener); this.draw(); }

  hide() { this.store.removeEventListener("record", this.listener); }

  form() {
    const field = (name, label, control) => {
      this.inputs[name] = control;
      control.id = `filter-${name}`;
      control.value = this.filters[name];
      control.addEventListener("input", () => { this.filters[name] = control.value.trim(); this.limit = PAGE; this.remember(); this.draw(); });
      return h("div.field", h("label", { for: control.id }, label), control);
    };
    const text = (names) => h("input", { type: "search", autocomplete: "off", spellcheck: "false", list: names });
    const options = (pairs) => h("select", ...pairs.map(([value, label]) => h("option", { value }, label)));
    this.tools = h("datalist", { id: "known-tools" });
    this.rules = h("datalist", { id: "known-rules" });
    return h("form.filters", { role: "search", "aria-label": "Filters", on: { submit: (event) => event.preventDefault() } },
      field("tool", "Tool", text("known-tools")),
      field("outcome", "Outcome", options([["", "any"], ["ALLOW", "allowed"], ["CORRECT", "corrected"], ["ESCALATE", "asked"], ["DENY", "denied"], ["shadow", "with a shadow outcome"]])),
      field("rule", "Rule", text("known-rules")),
      field("session", "Session", text(null)),
      field("what", "Show", options([["decisions", "decisions"], ["all", "everything recorded"]])),
      this.tools, this.rules);
  }

  remember() {
    const query = new URLSearchParams(Object.entries(this.filters).filter(([name, value]) => value && !(name === "what" && value === "decisions")));
    history.replaceState(null, "", `#/decisions${query.size ? `?${query}` : ""}`);
  }

  toggle() {
    this.paused = !this.paused;
    this.pause.setAttribute("aria-pressed", String(this.paused));
    this.waiting = 0;
    this.draw();
  }

  fits(record) {
    const { tool, outcome, rule, session, what } = this.filters;
    if (what === "decisions" && record.kind !== "decision" && record.kind !== "review") return false;
    if (tool && !String(record.tool ?? "").toLowerCase().includes(tool.toLowerCase())) return false;
    if (outcome === "shadow" ? !record.shadow?.length : outcome && record.outcome !== outcome) return false;
    const rules = [...(record.reasons ?? []), ...(record.shadow ?? [])];
    if (rule && !rules.some((reason) => String(reason.rule).toLowerCase().includes(rule.toLowerCase()))) return false;
    return !session || String(record.session ?? "").toLowerCase().includes(session.toLowerCase());
  }

  added(record) {
    if (record.kind === "superseded") this.list.querySelector(`[data-id="${CSS.escape(String(record.superseded))}"]`)?.classList.add("void");
    if (!this.fits(record)) return;
    if (this.paused) { this.waiting += 1; this.counted(); return; }
    this.list.prepend(this.row(record));
    while (this.list.childElementCount > this.limit) this.list.lastElementChild.remove();
    this.counted();
    this.suggest();
  }

  draw() {
    this.found = this.store.records.filter((record) => this.fits(record));
    const shown = this.found.slice(-this.limit).reverse();
    fill(this.list, ...shown.map((record) => this.row(record)));
    if (!shown.length) fill(this.list, h("li.empty", h("p", "Nothing that was recorded lately fits.")));
    this.more.hidden = this.found.length <= this.limit;
    this.counted();
    this.suggest();
  }

  counted() {
    const found = this.store.records.filter((record) => this.fits(record)).length;
    fill(this.count, this.paused ? `paused, ${this.waiting} new` : `${found} of the latest ${this.store.records.length} records`);
    fill(this.pause, this.paused ? "Go on" : "Pause");
    this.list.querySelector("li.empty")?.remove();
    if (!found) fill(this.list, h("li.empty", h("p", "Nothing that was recorded lately fits.")));
  }

  suggest() {
    const tools = new Set();
    const rules = new Set();
    for (const record of this.store.records) {
      if (record.tool) tools.add(record.tool);
      for (const reason of [...(record.reasons ?? []), ...(record.shadow ?? [])]) rules.add(reason.rule);
    }
    fill(this.tools, ...[...tools].slice(0, 100).map((value) => h("option", { value })));
    fill(this.rules, ...[...rules].slice(0, 100).map((value) => h("option", { value })));
  }

  row(record) {
    const kind = KINDS[record.kind] ?? record.kind;
    const rules = [...new Set((record.reasons ?? []).map((reason) => reason.rule))];
    const classes = this.store.superseded.has(record.id) ? "li.void" : "li";
    const body = h("div.row-detail");
    const details = h("details", h("summary",
      h("time", { title: stamp(record.time) }, clock(record.time)),
      h("span.row-outcome", record.outcome ? outcomeBadge(record.outcome) : badge(kind)),
      h("code.row-tool", ...visible(record.tool ?? record.event ?? "")),
      h("span.row-rules", ...rules.slice(0, 4).map((rule) => h("code.rule", ...visible(rule))), rules.length > 4 ? ` +${rules.length - 4}` : null,
        record.shadow?.length ? badge("shadow", "shadow") : null,
        record.outcome && kind ? badge(kind) : null,
        record.approved ? badge("approved", "good") : null)), body);
    details.addEventListener("toggle", () => { if (details.open && !body.firstChild) fill(body, ...this.detail(record)); });
    return h(classes, { "data-id": record.id }, details);
  }

  detail(record) {
    const gone = this.store.superseded.get(record.id);
    const facts = [
      ["Session", record.session && h("a", { href: `#/session/${encodeURIComponent(record.session)}` }, ...visible(record.session))],
      ["For", record.principal && [said(record.principal.id), record.principal.roles?.length ? ` (${record.principal.roles.join(", ")})` : ""]],
      ["Answer", record.answer],
      ["Record", code(record.id)], ["Decision", code(record.decision)], ["Approval", code(record.approval)],
      ["Call", code(record.call_id)], ["Digest", code(record.call_digest)], ["Nearest", code(record.nearest_digest)],
      ["Policy", record.policy && [record.policy.name ? [said(record.policy.name), " "] : null, code(record.policy.hash)]],
      ["Signals", record.signals && Object.keys(record.signals).length ? code(compact(record.signals)) : null],
      ["Labels", record.labels && code(compact(record.labels))],
      ["Time", `${stamp(record.time)}${record.latency_us ? ` · ${latency(record.latency_us)}` : ""}`],
    ].filter(([, value]) => value !== null && value !== undefined && value !== "");
    return [
      gone && h("p.caution", "This record took no effect: ", said(gone.reason ?? "it was superseded"), "."),
      reasonList(record.reasons), shadowList(record.shadow),
      record.correction && h("section", h("h4", record.correction.by ? ["Corrected by ", said(record.correction.by)] : "No correction was found"), patchList(record.correction.patch)),
      "args" in record ? h("section", h("h4", "Arguments"), h("pre", h("code", ...visible(write(record.args))))) : null,
      record.text?.content !== undefined ? h("section", h("h4", "Text"), said(record.text.content, { block: true })) : null,
      h("dl.facts", ...facts.map(([name, value]) => h("div", h("dt", name), h("dd", value)))),
    ];
  }
}

function code(value) { return value === null || value === undefined ? null : h("code", ...visible(value)); }

function latency(stages) {
  const total = Object.values(stages).reduce((sum, value) => sum + Number(value), 0);
  return `${(total / 1000).toFixed(total < 10_000 ? 2 : 0)} ms (${Object.entries(stages).map(([name, value]) => `${name} ${value} µs`).join(", ")})`;
}

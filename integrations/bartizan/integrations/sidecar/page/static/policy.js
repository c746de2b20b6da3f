// The policy in force: its rules in their authors' words, how often each decided, and what is known of it.

import { badge, fill, h, said, visible } from "./dom.js";
import { get, words } from "./net.js";
import { span, stamp } from "./times.js";

const LEVELS = {
  none: ["untested", "warn", "The policy has no tests of its own, and nothing is proved of it."],
  tested: ["tested only", "warn", "The policy passes its own tests. Nothing is proved of it here: that takes bartizan prove, on the file."],
  proved: ["invariants proved", "good", "Each invariant below was proved by this service before the policy came into force. Of anything else nothing is proved."],
  certified: ["certified", "good", "The policy passes its own tests, and its certificate was checked before it came into force."],
  failing: ["fails its tests", "bad", "The policy in force fails some of its own tests."],
};

/** The service itself proves the invariants, before a policy comes into force, only where it is told to. */
function levelOf(found) {
  const { level, required, checked } = found.certificate;
  if (level === "failing") return level;
  if (required === "proved" && found.invariants.length) return "proved";
  return level === "tested" && checked !== "none" ? "certified" : level;
}

export class Policy {
  constructor(store) {
    this.store = store;
    this.body = h("div");
    this.node = h("section", h("div.heading", h("h1", "Policy")), this.body);
    this.listener = () => { if (!this.timer) this.timer = setTimeout(() => { this.timer = 0; this.load(); }, 3000); };
  }

  title() { return "Policy"; }

  show() { this.store.addEventListener("record", this.listener); this.load(); }

  hide() { this.store.removeEventListener("record", this.listener); clearTimeout(this.timer); this.timer = 0; }

  async load() {
    try {
      const found = await get("v1/policy");
      if (this.hash === found.hash) { this.recount(found); return; }
      this.hash = found.hash;
      this.draw(found);
    } catch (error) {
      fill(this.body, h("p.problem", ...visible(words(error))));
    }
  }

  draw(found) {
    const [level, tone, meaning] = LEVELS[levelOf(found)] ?? [found.certificate.level, "", ""];
    const checked = found.certificate.checked === "none" ? null : found.certificate.checked;
    this.tiles = h("dl.tiles");
    this.counts = new Map(found.rules.map((rule) => [rule.id, h("dl.counts")]));
    fill(this.body,
      h("div.policy-head",
        h("p", h("strong", said(found.name)), " ", badge(level, tone), " ",
          checked && badge(`certificate: ${checked}`, "good"), " ", h("span.faint", meaning)),
        h("p.faint", `${found.certificate.tests} tests, ${found.invariants.length} invariants declared. Hash `, h("code.hash", ...visible(found.hash)))),
      found.certificate.failed.length ? h("ul.problem-list", ...found.certificate.failed.map((test) => h("li", h("strong", said(test.name)), ": expected ", said(test.expected), ", found ", said(test.found)))) : null,
      this.tiles,
      h("h2", "Rules"), h("div.rules", ...found.rules.map((rule) => this.rule(rule))),
      section("Rules on text", found.texts, (rule) => h("article.rule-card",
        h("header", h("code.rule", ...visible(rule.id)), badge(rule.redact ? "redact" : "score"), rule.shadow && badge("shadow", "shadow")),
        rule.reason && h("p", said(rule.reason)),
        h("p.faint", rule.redact ? ["replaces what matches ", h("code", ...visible(rule.redact)), " by ", h("code", ...visible(rule.instead))]
          : ["withholds text where ", h("code", ...visible(rule.signal)), ` is above ${rule.above}`]))),
      section("Signals", found.signals, (signal) => h("p", h("code", ...visible(signal.name)), ` measured on every ${signal.on} by `, h("code", ...visible(signal.monitor)), `; where it is missing: ${signal.missing}`)),
      found.stages ? h("section", h("h2", "Stages of a session"), h("pre", h("code", ...visible(found.stages)))) : null,
      section("Invariants", found.invariants, (each) => h("pre", h("code", ...visible(each.text)))),
      h("h2", "Tools"), h("div.scroll", h("table",
        h("thead", h("tr", ...["Tool", "Arguments", "Tags", "Results are", "May be corrected"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", ...found.tools.map((tool) => h("tr", h("th", { scope: "row" }, h("code", ...visible(tool.name))), h("td", h("code", ...visible(tool.args))),
          h("td", ...visible(tool.tags.join(", "))), h("td", tool.label, ...tool.exceptions.map(([path, label]) => h("div.faint", h("code", ...visible(path)), ` ${label}`))),
          h("td", ...visible(tool.opened.join(", ")))))))),
      found.source && h("details.more", h("summary", "The file ", h("code", ...visible(found.source.file))), h("pre", h("code", ...visible(found.source.text)))));
    this.recount(found);
  }

  recount(found) {
    const { outcomes, since } = found.counted;
    const tiles = [["Allowed", outcomes.ALLOW], ["Corrected", outcomes.CORRECT], ["Asked", outcomes.ESCALATE], ["Denied", outcomes.DENY]];
    fill(this.tiles, ...tiles.map(([name, value]) => h("div", h("dt", name), h("dd", value.toLocaleString("en")))),
      h("div", h("dt", "Counted since"), h("dd.small", since === null ? "nothing yet" : `${stamp(since)}, ${span(found.counted.now - since)}`)));
    for (const rule of found.rules) {
      const { decided, errors, shadow } = rule.counts;
      const rows = rule.shadow ? [["would have counted", shadow]] : [["decided", decided], ["could not be evaluated", errors]];
      const place = this.counts.get(rule.id);
      if (place) fill(place, ...rows.map(([name, value]) => h("div", { "data-zero": value === 0 }, h("dt", name), h("dd", value.toLocaleString("en")))));
    }
  }

  rule(rule) {
    const tones = { allow: "good", deny: "bad", escalate: "warn" };
    return h("article.rule-card",
      h("header", h("code.rule", ...visible(rule.id)), badge(rule.effect, rule.shadow ? "shadow" : tones[rule.effect] ?? ""),
        rule.shadow && badge("shadow: decides nothing", "shadow"), this.counts.get(rule.id)),
      rule.reason && h("p", said(rule.reason)),
      h("pre", h("code", ...visible(rule.source))),
      h("p.faint", rule.file && [h("code", ...visible(`${rule.file}:${rule.line}`)), " · "], rule.tools.length ? `for ${rule.tools.join(", ")}` : "for no tool of this policy"));
  }
}

function section(title, items, draw) {
  return items.length ? h("section", h("h2", title), ...items.map(draw)) : null;
}

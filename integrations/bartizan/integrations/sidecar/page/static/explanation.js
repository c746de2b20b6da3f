// A decision with its reasons, and the tree of rules and conditions behind it.

import { badge, h, outcomeBadge, said, visible } from "./dom.js";
import { compact } from "./json.js";

const TRUTH = { T: "true", F: "false", E: "could not be evaluated" };
const RESERVED = {
  "schema": "The call does not conform to the declaration of its tool.",
  "unknown-tool": "The policy does not know this tool.",
  "default": "No rule allows this call.",
};

/** The rules that determined an outcome, with their authors' words. */
export function reasonList(reasons, { atoms = true } = {}) {
  if (!reasons?.length) return null;
  return h("ul.reasons", ...reasons.map((reason) => h("li",
    h("code.rule", ...visible(reason.rule)),
    reason.value === "E" && badge("could not be evaluated", "bad", "It fails closed"),
    (reason.text || RESERVED[reason.rule]) && h("p", said(reason.text || RESERVED[reason.rule])),
    atoms && reason.atoms?.length ? h("p.atoms", "because ", ...reason.atoms.flatMap((atom, index) =>
      [index ? ", " : "", h("code", ...visible(atom))])) : null)));
}

/** What rules in shadow mode would have made of it. */
export function shadowList(shadow) {
  if (!shadow?.length) return null;
  return h("div.shadow", h("p", badge("shadow", "shadow"), " In force, these rules would have counted:"), reasonList(shadow));
}

/** The steps of a JSON Patch, in words. */
export function patchList(patch) {
  if (!patch?.length) return null;
  const words = { replace: "becomes", add: "is added as", remove: "is left out" };
  return h("ul.patch", ...patch.map((step) => h("li",
    h("code", ...visible(step.path)), ` ${words[step.op] ?? step.op} `,
    "value" in step ? h("code.value", ...visible(compact(step.value)))
      : step.op === "remove" ? null : h("span.faint", "something (contents are not captured in this log)"))));
}

/** A whole explanation, as POST v1/explain answers. */
export function explanationNode(found) {
  return h("div.explanation",
    h("p.verdict", outcomeBadge(found.outcome), found.approved && h("span.faint", " with an approval of exactly this call")),
    reasonList(found.reasons),
    shadowList(found.shadow),
    better(found),
    found.changes?.length ? h("section", h("h4", "What would change it"), h("ul", ...found.changes.map((change) => h("li", said(change))))) : null,
    tree(found.rules));
}

function better(found) {
  const args = found.corrected ?? found.nearest;
  if (!args) return null;
  return h("section",
    h("h4", found.corrected ? "A guard would correct it" : "The nearest call that is allowed"),
    h("ul.patch", ...Object.keys(args).map((name) => h("li", h("code", ...visible(name)),
      args[name] === null ? " is left out" : [" becomes ", h("code.value", ...visible(compact(args[name])))]))));
}

const ORDER = { T: 0, E: 1, F: 2 };

/** Every rule in scope: those that hold first, each with its conditions. */
function tree(rules) {
  if (!rules?.length) return null;
  const sorted = [...rules].sort((a, b) => ORDER[a.value] - ORDER[b.value]);
  return h("section", h("h4", "Every rule in scope"), h("ul.tree", ...sorted.map((rule) => h("li", { "data-value": rule.value },
    h("div.tree-rule", truth(rule.value), h("code.rule", ...visible(rule.rule)),
      badge(rule.effect, rule.shadow ? "shadow" : ""), rule.shadow && badge("shadow", "shadow")),
    rule.atoms.length ? h("ul", ...rule.atoms.map((atom) => h(atom.decides ? "li.decides" : "li",
      truth(atom.value), h("code", ...visible(atom.text))))) : h("p.faint", "applies to every call of this tool")))));
}

function truth(value) {
  const known = TRUTH[value];
  return h("span.truth", { "data-value": known ? value : "other", title: known ?? null }, known && value === "E" ? "error" : known ?? String(value));
}

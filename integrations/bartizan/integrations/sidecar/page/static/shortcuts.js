// Keys, and the list of them. Single keys can be switched off: people who speak to their computer press them by chance.

import { button, h } from "./dom.js";

const KEY = "bartizan.shortcuts";
const LIST = [
  ["1 … 5", "Approvals, decisions, sessions, policy, playground"],
  ["j, k", "The next and the previous approval"],
  ["a, e, r", "Go to approve, edit or reject; Enter then presses it"],
  ["Esc", "Close the editor"],
  ["Ctrl Enter", "Explain, in the playground"],
  ["?", "This list"],
];

function enabled() { return localStorage.getItem(KEY) !== "off"; }

export function dialog() {
  const box = h("input", { type: "checkbox", id: "shortcuts-on" });
  box.checked = enabled();
  box.addEventListener("change", () => localStorage.setItem(KEY, box.checked ? "on" : "off"));
  const made = h("dialog", { "aria-labelledby": "shortcuts-title" },
    h("h2", { id: "shortcuts-title" }, "Keys"),
    h("dl.keys", ...LIST.map(([keys, what]) => h("div", h("dt", h("kbd", keys)), h("dd", what)))),
    h("p", box, h("label.beside", { for: "shortcuts-on" }, "Single keys do this (not while typing)")),
    button("Close", () => made.close(), { kind: "primary" }));
  made.addEventListener("close", () => made.remove());
  return made;
}

/** Whether a key press is meant for the page, not for what is being typed. */
export function isMeant(event) {
  if (!enabled() || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  const target = event.target;
  return !(target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.closest?.("dialog"));
}

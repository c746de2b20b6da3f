// Elements, made one by one. Nothing in this page parses markup: every text that comes from the service becomes a text
// node, and what would be invisible in it, or would reorder a line, is spelled out.

/** An element: h("p.note", {title: "…", on: {click: f}}, "text", otherElement). Children are nodes or texts. */
export function h(name, ...rest) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag || "div");
  if (classes.length) made.classList.add(...classes);
  if (isOptions(rest[0])) apply(made, rest.shift());
  made.append(...rest.flat(9).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return made;
}

function isOptions(value) {
  return typeof value === "object" && value !== null && !(value instanceof Node) && !Array.isArray(value);
}

// The names of attributes are written in this page, never taken from data.
function apply(made, options) {
  for (const [name, value] of Object.entries(options)) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) made.addEventListener(event, handler);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Controls, formats (bidirectional overrides, zero-width), unassigned and private characters, separators of lines,
// unusual spaces, fillers that are letters by name only, variation selectors and tags.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}\u1680\u2000-\u200a\u202f\u205f\u3000\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0e\u{e0100}-\u{e01ef}]/u;
const NAMES = {
  0x0000: "null", 0x0008: "backspace", 0x000d: "carriage return", 0x001b: "escape", 0x00ad: "soft hyphen",
  0x200b: "zero-width space", 0x200c: "zero-width non-joiner", 0x200d: "zero-width joiner",
  0x200e: "left-to-right mark", 0x200f: "right-to-left mark", 0x2028: "line separator",
  0x2029: "paragraph separator", 0x202a: "left-to-right embedding", 0x202b: "right-to-left embedding",
  0x202c: "pop directional formatting", 0x202d: "left-to-right override", 0x202e: "right-to-left override",
  0x2060: "word joiner", 0x2066: "left-to-right isolate", 0x2067: "right-to-left isolate",
  0x2068: "first strong isolate", 0x2069: "pop directional isolate", 0x3164: "Hangul filler",
  0xfeff: "zero-width no-break space",
};

/** A text as nodes in which every hidden character is written out: ⟨U+202E⟩. */
export function visible(text) {
  const nodes = [];
  let plain = "";
  for (const char of String(text)) {
    if (char === "\n" || char === "\t" || !HIDDEN.test(char)) { plain += char; continue; }
    if (plain) nodes.push(plain);
    plain = "";
    const code = char.codePointAt(0);
    const name = NAMES[code] ?? "a character that cannot be seen";
    nodes.push(h("span.hidden-char", { title: name }, `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`));
  }
  if (plain) nodes.push(plain);
  return nodes;
}

/** The same as one text, for titles and announcements. */
function visibleText(text) {
  return visible(text).map((node) => (typeof node === "string" ? node : node.textContent)).join("");
}

const LONGEST = 3000;

/** What somebody else wrote, set apart from the page's own words; long texts unfold. spans: [[start, end], …] to mark. */
export function said(text, { spans = [], block = false, label = "" } = {}) {
  const chars = Array.from(String(text)); // spans count characters, not UTF-16 units
  const box = h(block ? "div.said.block" : "span.said", { dir: "ltr" });
  if (label) box.dataset.label = label;
  const show = (length) => {
    const parts = [];
    let at = 0;
    for (const [start, end] of spans) {
      if (start >= length) break;
      parts.push(...visible(chars.slice(at, start).join("")));
      parts.push(h("mark", ...visible(chars.slice(start, Math.min(end, length)).join(""))));
      at = Math.min(end, length);
    }
    parts.push(...visible(chars.slice(at, length).join("")));
    if (length < chars.length) {
      const more = h("button.link", { type: "button", on: { click: () => show(chars.length) } },
        `… ${(chars.length - length).toLocaleString("en")} more characters`);
      parts.push(" ", more);
    }
    fill(box, ...parts);
  };
  const last = spans.length ? spans[0][1] + 200 : 0;
  show(chars.length > Math.max(LONGEST, last) + 500 ? Math.max(LONGEST, last) : chars.length);
  return box;
}

/** Words in which Latin letters are mixed with letters that look like them. */
export function mixedScripts(text) {
  const words = String(text).match(/[\p{L}\p{M}]+/gu) ?? [];
  return words.filter((word) => /\p{Script=Latin}/u.test(word) && /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u.test(word));
}

export function button(text, action, options = {}) {
  const { kind = "", ...rest } = options;
  return h(`button${kind ? `.${kind}` : ""}`, { type: "button", ...rest, on: { click: action } }, text);
}

export function badge(text, tone = "", title = null) {
  return h(`span.badge${tone ? `.${tone}` : ""}`, { title }, text);
}

const TONES = { ALLOW: "good", CORRECT: "fixed", ESCALATE: "warn", DENY: "bad" };
const OUTCOMES = { ALLOW: "Allowed", CORRECT: "Corrected", ESCALATE: "Asked", DENY: "Denied" };

export function outcomeBadge(outcome) {
  return badge(OUTCOMES[outcome] ?? String(outcome), TONES[outcome] ?? "");
}

export function labelBadge(label) {
  return badge(label === "trusted" ? "trusted" : "untrusted", label === "trusted" ? "good" : "bad");
}

/** Say something to who listens to the page instead of looking at it. */
export function announce(text) {
  const place = document.getElementById("announcements");
  place.append(h("p", visibleText(text)));
  while (place.childElementCount > 5) place.firstElementChild.remove();
}

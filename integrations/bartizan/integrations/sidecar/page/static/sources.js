// Where the arguments of a call came from: for each one the sources it was found in, with the found words marked.

import { badge, h, labelBadge, mixedScripts, said, visible } from "./dom.js";
import { Numeral, compact } from "./json.js";

const MATCHES = { equal: "equal to a value of ", inside: "in ", trace: "only a trace of its characters, in " };

/** A value as it will be used: texts without quotes, everything else as JSON. */
function valueNode(value) {
  if (typeof value === "string") return value ? said(value, { block: value.length > 120 || value.includes("\n") }) : h("span.faint", "empty text");
  const kind = value instanceof Numeral || typeof value === "number" ? "number" : "";
  return h("code.value", kind ? { "data-kind": kind } : {}, ...visible(compact(value)));
}

/** Warnings about how a text is written. */
function warnings(value) {
  if (typeof value !== "string") return [];
  const mixed = mixedScripts(value);
  return mixed.length ? [h("p.caution", "Letters of several scripts that look alike: ", said(mixed.slice(0, 3).join(", ")))] : [];
}

export function shownPath(path) {
  return path === "$" ? "arguments" : path.replace(/^\$\.?/, "");
}

/** One line for a place: how it was found, and who said it. */
function placeName(place) {
  const how = MATCHES[place.match] ?? "in ";
  if (place.kind === "prompt") return [how, "the user’s words"];
  const where = place.path && place.path !== "$" ? [" at ", h("code", ...visible(place.path))] : [];
  return [how, place.tool ? ["a result of ", h("code", ...visible(place.tool))] : "a result", ...where];
}

/** The arguments of a call as a list. sources: texts to quote (see the service); onPick(argument): to mark elsewhere;
    dropped: how many events are no longer kept; unheard: nothing was said that could be a source; unlisted: further
    arguments; heard and searched: how many events there are, and how many of them were searched. */
export function argumentList(found, { sources = [], onPick = null, ...options } = {}) {
  if (!found.length) return h("p.faint", "This call has no arguments.");
  const unlisted = options.unlisted ? h("p.caution", `${options.unlisted.toLocaleString("en")} more arguments are not listed: see the exact call.`) : null;
  const list = h("dl.arguments", ...found.slice(0, 40).map((argument) => row(argument, sources, onPick, options)));
  if (found.length <= 40) return h("div", list, unlisted);
  const rest = h("button.link", { type: "button", on: { click: () => {
    list.append(...found.slice(40).map((argument) => row(argument, sources, onPick, options)));
    rest.remove();
  } } }, `Show ${found.length - 40} more arguments`);
  return h("div", list, rest, unlisted);
}

function row(argument, sources, onPick, options) {
  const places = argument.places ?? null;
  return h("div.argument",
    h("dt", h("code", ...visible(shownPath(argument.path)))),
    h("dd",
      h("div.argument-value", valueNode(argument.value), ...warnings(argument.value)),
      places && h("div.origins", ...origins(argument, places, sources, onPick, options)),
      argument.places === null && !argument.silent && h("p.faint", "Where it came from was not looked for: this call has too many arguments.")));
}

function origins(argument, places, sources, onPick, options) {
  if (argument.silent) return [h("p.faint", "Says nothing that could come from somewhere.")];
  if (!places.length) {
    if (options.unheard) return [];
    if (options.searched < options.heard) {
      return [h("p.origin", badge("not known", "bad"), ` The session is too long: only its first ${options.searched} of ${options.heard} events were searched.`)];
    }
    return [h("p.origin", badge("no source", "warn"), options.dropped
      ? " Stands in nothing that is still kept; older events were dropped."
      : " Stands in nothing that the user said or a tool returned.")];
  }
  // One quotation for each label, the untrusted one first; all else is there to unfold.
  const ordered = distinct(places).sort((a, b) => Number(a.label === "trusted") - Number(b.label === "trusted"));
  const first = ["untrusted", "trusted"].flatMap((label) => ordered.find((place) => place.label === label) ?? []);
  const others = ordered.filter((place) => !first.includes(place));
  return [
    ...first.map((place) => origin(place, sources)),
    others.length ? h("details.more", h("summary", others.length === 1 ? "One more place" : `${others.length} more places`),
      ...others.slice(0, 20).map((place) => origin(place, sources))) : null,
    onPick && h("button.link", { type: "button", on: { click: () => onPick(argument) } }, "Mark in the conversation"),
  ];
}

/** Of a structured result found by its path and by the text that shows it: the path. */
function distinct(places) {
  const paths = new Set(places.filter((place) => place.path !== "$").map((place) => place.event));
  return places.filter((place) => place.path !== "$" || !paths.has(place.event));
}

function origin(place, sources) {
  const source = sources.find((each) => each.event === place.event && each.document === place.document);
  return h("div.origin", h("p", labelBadge(place.label), " ", placeName(place)), source && quote(source, place));
}

const AROUND = 80;

/** The words around the first thing found, and the rest of the source to unfold. */
function quote(source, place) {
  const spans = place.spans.map(([start, end]) => [start - source.skipped, end - source.skipped]);
  const chars = Array.from(source.text);
  const inside = spans.filter(([start, end]) => start >= 0 && end <= chars.length);
  if (!inside.length) return h("blockquote", { "data-label": place.label }, said(source.text.slice(0, 2 * AROUND)));
  const [first] = inside;
  let from = Math.max(0, first[0] - AROUND);
  let to = Math.min(chars.length, Math.max(first[1], first[0] + 1) + AROUND);
  while (from && from < first[0] && chars[from - 1].trim()) from += 1; // whole words
  while (to < chars.length && to > first[1] && chars[to].trim()) to -= 1;
  const near = inside.filter(([start, end]) => start >= from && end <= to).map(([start, end]) => [start - from, end - from]);
  const cutBefore = from > 0 || source.skipped > 0;
  const cutAfter = to < chars.length || source.left > 0;
  const excerpt = h("blockquote", { "data-label": place.label },
    cutBefore && "… ", said(chars.slice(from, to).join(""), { spans: near.length ? near : [[first[0] - from, to - from]] }), cutAfter && " …");
  if (!cutBefore && !cutAfter) return excerpt;
  return h("div", excerpt, h("details.more", h("summary", "More of the source"),
    source.skipped > 0 && h("p.faint", `${source.skipped.toLocaleString("en")} characters before`),
    h("blockquote", { "data-label": place.label }, said(source.text, { spans: inside, block: true })),
    source.left > 0 && h("p.faint", `${source.left.toLocaleString("en")} characters after`)));
}

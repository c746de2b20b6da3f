// One session: what was said, called and returned, with the label of every text; and for the arguments of a call the
// words that they came from, marked where they stand.

import { announce, badge, button, fill, h, labelBadge, said, visible } from "./dom.js";
import { compact, read } from "./json.js";
import { get, words } from "./net.js";
import { argumentList, shownPath } from "./sources.js";
import { clock, setNow, stamp } from "./times.js";

const SHOWN = 60;
const WHO = { prompt: "User", call: "Call", denied: "Denied call", result: "Result", text: "Agent" };

export class Sessions {
  constructor(store) {
    this.store = store;
    this.list = h("ul.plain-list");
    const name = h("input", { id: "session-name", type: "search", autocomplete: "off", spellcheck: "false" });
    const open = (event) => { event.preventDefault(); if (name.value.trim()) location.hash = `#/session/${encodeURIComponent(name.value.trim())}`; };
    this.node = h("section", h("div.heading", h("h1", "Sessions")),
      h("form.filters", { on: { submit: open } }, h("div.field", h("label", { for: "session-name" }, "Open a session by its name"), name), h("button", { type: "submit" }, "Open")),
      h("h2", "Seen lately"), this.list);
    this.listener = () => this.later();
  }

  title() { return "Sessions"; }

  show() { this.store.addEventListener("record", this.listener); this.draw(); }

  hide() { this.store.removeEventListener("record", this.listener); clearTimeout(this.timer); }

  later() { clearTimeout(this.timer); this.timer = setTimeout(() => this.draw(), 300); }

  draw() {
    const seen = new Map();
    for (const record of this.store.records) {
      const known = seen.get(record.session) ?? { calls: 0, denied: 0 };
      seen.delete(record.session);
      known.calls += record.kind === "decision" ? 1 : 0;
      known.denied += record.kind === "decision" && record.outcome === "DENY" ? 1 : 0;
      seen.set(record.session, { ...known, time: record.time });
    }
    const rows = [...seen].reverse().slice(0, 100);
    fill(this.list, ...rows.map(([name, { calls, denied, time }]) => h("li",
      h("a", { href: `#/session/${encodeURIComponent(name)}` }, ...visible(name)),
      h("span.faint", ` ${calls} ${calls === 1 ? "decision" : "decisions"}${denied ? `, ${denied} denied` : ""}, last at ${clock(time)}`))));
    if (!rows.length) fill(this.list, h("li.faint", "Nothing was recorded lately."));
  }
}

export class SessionView {
  constructor(store, name) {
    this.store = store;
    this.name = name;
    this.unfold = new Map();
    this.texts = new Map(); // "event.document" -> {box, text, label}
    this.marked = [];
    this.origins = new Map(); // number of a call -> its arguments with their places
    this.facts = h("p.faint");
    this.problem = h("p.problem", { role: "alert", hidden: true });
    this.picked = h("div.picked", { hidden: true });
    this.events = h("ol.conversation");
    this.open = h("div");
    this.node = h("section",
      h("div.heading", h("h1", "Session ", h("code", ...visible(name))), button("Reload", () => this.load(), { kind: "quiet" }),
        h("a.quiet", { href: `#/decisions?session=${encodeURIComponent(name)}&what=all` }, "Its records")),
      this.facts, this.problem, this.picked, this.open, this.events);
    this.listener = ({ detail }) => { if (detail.session === this.name) { clearTimeout(this.timer); this.timer = setTimeout(() => this.load(), 300); } };
  }

  title() { return "Session"; }

  show() { this.store.addEventListener("record", this.listener); this.load(); }

  hide() { this.store.removeEventListener("record", this.listener); clearTimeout(this.timer); }

  path() { return `v1/sessions/${encodeURIComponent(this.name)}`; }

  async load() {
    try {
      const found = await get(this.path());
      setNow(found.now);
      if (this.found?.version === found.version) return;
      this.found = found;
      this.problem.hidden = true;
      this.draw();
      // Reading a session takes the service time that grows with it: of a long one, only the latest call at once.
      const calls = found.events.flatMap((event, index) => (event.call && event.kind !== "result" ? [index] : []));
      for (const index of calls.slice(found.events.length > 60 ? -1 : -12)) {
        if (!this.origins.has(found.dropped + index) && this.found === found) await this.ask(index);
      }
    } catch (error) {
      fill(this.problem, ...visible(words(error)));
      this.problem.hidden = false;
    }
  }

  draw() {
    const { events, dropped, version, approvals, stages } = this.found;
    this.texts.clear();
    this.unfold = new Map(); // of events with many texts: how to show the rest
    this.slots = new Map();
    fill(this.facts, `${events.length} events, version ${version}`, dropped ? `, ${dropped} older ones dropped` : "",
      ". Texts are as the agent was shown them, after redaction.",
      stages.length ? h("span.stage", " Stage: ", stages.map((name, at) => [at ? " or " : "", h("strong", ...visible(name))])) : null);
    fill(this.open, ...approvals.filter((each) => each.state === "pending").map((each) => h("p.notice",
      badge("waits", "warn"), " ", h("code", ...visible(each.tool)), " waits for a person: ", h("a", { href: "#/approvals" }, "answer it"))));
    fill(this.events, ...events.map((event, index) => this.event(event, index)));
    if (!events.length) fill(this.events, h("li.empty", h("p", "Nothing that is kept has happened in this session yet.")));
    this.mark(this.marked, false);
  }

  event(event, index) {
    const number = this.found.dropped + index;
    const head = h("header",
      h("strong", WHO[event.kind] ?? event.kind), event.call && h("code.row-tool", ...visible(event.call.tool)),
      this.label(event), event.is_error && badge("error", "bad"),
      h("time.faint", { title: stamp(event.time) }, clock(event.time)), h("span.faint", `#${number}`));
    return h("li", { id: `event-${number}`, tabindex: -1, "data-kind": event.kind }, head, ...this.body(event, index), signals(event.signals));
  }

  label(event) {
    if (event.kind === "prompt") return labelBadge("trusted");
    if (event.kind === "result") {
      const labels = new Set(event.documents.map((each) => each.label));
      return labels.size > 1 ? badge("mixed labels", "warn") : labelBadge(labels.size ? [...labels][0] : event.labels.default);
    }
    return null;
  }

  body(event, index) {
    if (event.call && event.kind !== "result") {
      const slot = h("div");
      this.slots.set(index, slot);
      this.fillCall(event, index, slot);
      return [slot];
    }
    if (event.kind === "text") return [said(event.text, { block: true })];
    if (!event.documents.length) return [h("p.faint", "No text.")];
    const further = event.further ? h("p.caution", `${event.further.toLocaleString("en")} more texts of this result are not shown.`) : null;
    const box = h("div");
    const draw = (from, to) => box.append(...event.documents.slice(from, to).map((each, at) => this.document(each, index, from + at)));
    draw(0, SHOWN);
    if (event.documents.length > SHOWN) {
      const all = () => { more.remove(); this.unfold.delete(index); draw(SHOWN); };
      const more = button(`Show ${event.documents.length - SHOWN} more texts`, all, { kind: "link" });
      this.unfold.set(index, all);
      return [box, more, further];
    }
    return [box, further];
  }

  document(each, index, number) {
    const box = h(each.key && /^[\w -]{1,60}$/.test(each.text) ? "div.document.key" : "div.document", { "data-label": each.label });
    const place = each.shown ? h("details.more", h("summary", "As the model read it"), box) : box;
    this.texts.set(`${index}.${number}`, { box, place, ...each });
    this.write(index, number, []);
    return place;
  }

  write(index, number, spans) {
    const known = this.texts.get(`${index}.${number}`);
    if (!known) return;
    const single = known.path === "$";
    const path = single ? null : h("code.document-path", ...visible(shownPath(known.path)), known.key ? " (a field’s name)" : null);
    fill(known.box, path, said(known.text, { spans, block: true, label: known.label }));
    known.box.classList.toggle("marked", spans.length > 0);
  }

  fillCall(event, index, slot) {
    const number = this.found.dropped + index;
    const known = this.origins.get(number);
    const args = read(event.call.canonical).args;
    if (known) {
      fill(slot, argumentList(known.arguments, { ...known, onPick: (argument) => this.pick(argument, number) }));
      return;
    }
    fill(slot, h("pre", h("code", ...visible(compact(args)))),
      button("Where did the arguments come from?", () => this.ask(index), { kind: "link" }));
  }

  async ask(index) {
    const event = this.found.events[index];
    const number = this.found.dropped + index;
    try {
      const answer = await get(`${this.path()}?call=${number}`);
      this.origins.set(number, answer);
      const slot = this.slots.get(this.found.events.indexOf(event));
      if (slot) this.fillCall(event, this.found.events.indexOf(event), slot);
    } catch (error) {
      fill(this.problem, ...visible(words(error)));
      this.problem.hidden = false;
    }
  }

  /** Mark an argument's words in the conversation, and go to the first of them. */
  pick(argument, number) {
    this.mark(argument.places, true);
    fill(this.picked, h("p", "Marked: ", h("code", ...visible(shownPath(argument.path))), ` of call #${number}. `,
      ...[...new Set(argument.places.map((place) => place.event))].slice(0, 12).map((event) =>
        button(`#${this.found.dropped + event}`, () => this.go(event), { kind: "link" })), " ",
      button("Remove the marks", () => { this.mark([], true); this.picked.hidden = true; }, { kind: "quiet" })));
    this.picked.hidden = false;
    announce(`Marked where ${shownPath(argument.path)} came from: ${argument.places.length} places`);
    if (argument.places.length) this.go(argument.places[0].event);
  }

  mark(places, clear) {
    if (clear) for (const place of this.marked) this.write(place.event, place.document, []);
    this.marked = places;
    for (const place of places) {
      if (place.document >= SHOWN) this.unfold.get(place.event)?.();
      this.write(place.event, place.document, place.spans);
      const shown = this.texts.get(`${place.event}.${place.document}`)?.place;
      if (shown instanceof HTMLDetailsElement && places.every((each) => each.event !== place.event || each.path === "$")) shown.open = true;
    }
  }

  go(event) {
    const item = document.getElementById(`event-${this.found.dropped + event}`);
    item?.focus({ preventScroll: true });
    (item?.querySelector("mark") ?? item)?.scrollIntoView({ block: "center" });
  }
}

function signals(found) {
  const names = Object.keys(found ?? {});
  if (!names.length) return null;
  return h("p.faint", "Signals: ", ...names.flatMap((name, index) => [index ? ", " : "", h("code", ...visible(name)), " ", ...visible(compact(found[name].value))]));
}

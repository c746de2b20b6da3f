// The page: who is signed in, which view is shown, and whether it is live.

import { Approvals } from "./approvals.js";
import { Decisions } from "./decisions.js";
import { announce, button, fill, h, said } from "./dom.js";
import { Refused, follow, token, words } from "./net.js";
import { Playground } from "./playground.js";
import { Policy } from "./policy.js";
import { SessionView, Sessions } from "./session.js";
import { dialog, isMeant } from "./shortcuts.js";
import { Store } from "./store.js";

const TABS = [["approvals", "Approvals"], ["decisions", "Decisions"], ["sessions", "Sessions"], ["policy", "Policy"], ["playground", "Playground"]];
const top = document.getElementById("top");
const main = document.getElementById("main");
let running = null;

/** Ask for a token. It is tried before anything else is shown. */
function signIn(message = "") {
  running?.stop();
  running = null;
  document.title = "Sign in · Bartizan";
  const field = h("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "token-note" });
  const problem = h("p.problem", { role: "alert", hidden: !message }, message && said(message));
  const enter = h("button.primary", { type: "submit" }, "Sign in");
  const submit = async (event) => {
    event.preventDefault();
    if (!/^[\x21-\x7e]+$/.test(field.value.trim())) {
      fill(problem, "A token is one word of ASCII characters.");
      problem.hidden = false;
      return;
    }
    enter.disabled = true;
    token.set(field.value.trim());
    const store = new Store();
    try {
      await store.load();
      start(store);
    } catch (error) {
      token.clear();
      fill(problem, said(words(error)));
      problem.hidden = false;
      enter.disabled = false;
      field.focus();
    }
  };
  fill(top, h("span.brand", "Bartizan"));
  fill(main, h("form.sign-in", { on: { submit } },
    h("h1", "Sign in"),
    h("p.faint", { id: "token-note" }, "With a token of this service that may read or approve. It stays in this tab, and goes when the tab is closed."),
    h("label", { for: "token" }, "Token"), field, problem, enter));
  field.focus();
}

function start(store) {
  running?.stop();
  running = new Page(store);
}

class Page {
  constructor(store) {
    this.store = store;
    this.view = null;
    this.dot = h("button.live", { type: "button", "data-state": "waiting", title: "Try again now", on: { click: () => this.stream.retry() } });
    this.tabs = new Map(TABS.map(([name, label]) => [name, h("a", { href: `#/${name}` }, label)]));
    this.count = h("span.count", { hidden: true });
    this.tabs.get("approvals").append(this.count);
    fill(top, h("a.brand", { href: "#/approvals" }, "Bartizan"), h("nav", { "aria-label": "Views" }, ...this.tabs.values()),
      h("div.who-is-it", this.dot, h("span.faint", said(store.you.name)),
        button("?", () => this.keys(), { kind: "quiet", "aria-label": "Keys", title: "Keys" }),
        button("Sign out", () => { token.clear(); signIn(); }, { kind: "quiet" })));
    this.off = new AbortController();
    const { signal } = this.off;
    addEventListener("hashchange", () => this.route(true), { signal });
    addEventListener("keydown", (event) => this.key(event), { signal });
    addEventListener("bartizan:signed-out", ({ detail }) => { token.clear(); signIn(`Signed out: ${detail}.`); }, { signal });
    store.addEventListener("approvals", () => this.counted());
    this.ticking = setInterval(() => store.tick(), 1000);
    this.state("waiting", 0);
    this.stream = follow("v1/decisions?recent=300", {
      record: (record) => store.add(record),
      live: () => store.load().catch(() => {}),
      state: (name, seconds) => this.state(name, seconds),
    });
    this.counted();
    this.route(false);
  }

  stop() {
    this.off.abort();
    this.stream.stop();
    clearInterval(this.ticking);
    clearInterval(this.countdown);
    this.view?.hide();
  }

  /** Live, or not: an inbox that has stopped must not look like an empty one. */
  state(name, seconds) {
    clearInterval(this.countdown);
    this.dot.dataset.state = name;
    this.dot.disabled = name === "live";
    document.body.classList.toggle("offline", name !== "live");
    if (name === "live") { fill(this.dot, "Live"); if (this.was === "waiting") announce("Live"); }
    else if (name === "refused") fill(this.dot, "No longer permitted");
    else if (!seconds) fill(this.dot, "Connecting …");
    else {
      const until = Date.now() + seconds * 1000;
      const show = () => fill(this.dot, `Offline, again in ${Math.max(1, Math.ceil((until - Date.now()) / 1000))} s`);
      show();
      this.countdown = setInterval(show, 1000);
      if (this.was === "live") announce("Offline: what is shown may be out of date");
    }
    this.was = name;
  }

  counted() {
    const open = this.store.open().length;
    this.count.hidden = open === 0;
    fill(this.count, String(open), h("span.unseen", " open"));
    document.title = `${open ? `(${open}) ` : ""}${this.view?.title() ?? "Bartizan"} · Bartizan`;
  }

  /** The address says what is shown: #/decisions?tool=x, #/session/NAME. */
  route(moved) {
    const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    const [name, ...rest] = path.split("/");
    let argument = "";
    try { argument = decodeURIComponent(rest.join("/")); } catch { /* not an address of this page */ }
    this.view?.hide();
    this.view = this.make(name, argument, query);
    const tab = name === "session" ? "sessions" : this.tabs.has(name) ? name : "approvals";
    for (const [each, link] of this.tabs) {
      if (each !== tab) { link.removeAttribute("aria-current"); continue; }
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "center" }); // on a phone the row of views is longer than the screen
    }
    fill(main, this.view.node);
    this.view.show();
    this.counted();
    if (moved) { main.focus({ preventScroll: true }); scrollTo(0, 0); }
  }

  make(name, argument, query) {
    if (name === "decisions") return new Decisions(this.store, query);
    if (name === "sessions") return new Sessions(this.store);
    if (name === "session" && argument) return new SessionView(this.store, argument);
    if (name === "policy") return new Policy(this.store);
    if (name === "playground") return new Playground();
    return new Approvals(this.store);
  }

  key(event) {
    if (!isMeant(event)) return;
    const tab = TABS[Number(event.key) - 1];
    if (event.key === "?") this.keys();
    else if (tab) location.hash = `#/${tab[0]}`;
    else if (!this.view?.key?.(event.key)) return;
    event.preventDefault();
  }

  keys() {
    const made = dialog();
    document.body.append(made);
    made.showModal();
  }
}

if (token.get()) {
  const store = new Store();
  store.load().then(() => start(store), (error) => {
    if (error instanceof Refused && error.status < 500) signIn(words(error));
    else start(store); // the service does not answer now: the page says so, and comes back by itself
  });
} else signIn();

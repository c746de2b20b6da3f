// The inbox: every open question as a card. A card stays where it is when it has been answered, so that nothing moves
// under a hand that is about to press a button; closed ones go when the reader says so.

import { announce, button, fill, h } from "./dom.js";
import { Card } from "./card.js";
import { keyOf } from "./store.js";

const MOST = 60;

export class Approvals {
  constructor(store) {
    this.store = store;
    this.cards = new Map();
    this.list = h("div.cards");
    this.empty = h("div.empty", h("h2", "Nothing waits for you"), h("p", "When a rule asks for a person, the question appears here by itself."));
    this.clear = button("Clear answered", () => { store.clear(); this.focusFirst(); }, { kind: "quiet" });
    this.note = h("p.faint");
    this.node = h("section", h("div.heading", h("h1", "Approvals"), this.note, this.clear), this.empty, this.list);
    this.listeners = [
      ["approvals", () => this.sync()],
      ["answered", ({ detail }) => { this.cards.get(detail)?.update(); this.tell(detail); }],
      ["detail", ({ detail }) => this.cards.get(detail)?.update()],
      ["asked", ({ detail }) => this.announceNew(detail)],
      ["failed", ({ detail }) => this.cards.get(detail.key)?.failed(detail.error)],
    ];
    this.further = h("p.faint");
    this.node.append(this.further);
    // What belongs to a card is asked for when it comes near the eyes.
    this.near = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        this.near.unobserve(entry.target);
        [...this.cards.values()].find((card) => card.node === entry.target)?.load();
      }
    }, { rootMargin: "600px" });
  }

  title() { return "Approvals"; }

  show() {
    for (const [name, listener] of this.listeners) this.store.addEventListener(name, listener);
    this.timer = setInterval(() => { for (const card of this.cards.values()) card.tick(); }, 1000);
    this.sync();
  }

  hide() {
    this.near.disconnect();
    for (const [name, listener] of this.listeners) this.store.removeEventListener(name, listener);
    clearInterval(this.timer);
  }

  sync() {
    const all = [...this.store.approvals.values()].sort((a, b) => a.approval.created - b.approval.created);
    const wanted = all.slice(0, MOST);
    const keys = new Set(wanted.map(keyOf));
    for (const [key, card] of this.cards) if (!keys.has(key)) { card.node.remove(); this.cards.delete(key); }
    let before = null;
    for (const each of wanted) {
      const key = keyOf(each);
      let card = this.cards.get(key);
      if (!card) {
        card = new Card(this.store, each);
        this.cards.set(key, card);
        if (before) before.after(card.node); else this.list.prepend(card.node);
        this.near.observe(card.node);
      }
      before = card.node;
    }
    const open = this.store.open().length;
    const hidden = [all.length > MOST ? `${all.length - MOST} more approvals` : "", this.store.further ? `approvals of ${this.store.further} more sessions` : ""].filter(Boolean);
    fill(this.further, hidden.length ? `${hidden.join(" and ")} follow when these are answered and cleared.` : "");
    this.empty.hidden = wanted.length > 0;
    this.clear.hidden = wanted.length === open;
    fill(this.note, wanted.length ? (open ? `${open} open, oldest first` : "all answered") : "",
      this.store.you.approve ? "" : h("span.caution", " This token may read, not approve."));
  }

  announceNew(key) {
    const each = this.store.approvals.get(key);
    if (each) announce(`New approval: ${each.approval.tool}`);
  }

  tell(key) {
    const each = this.store.approvals.get(key);
    if (each) announce(`Approval of ${each.approval.tool}: ${each.approval.state}`);
  }

  focusFirst() { (this.list.querySelector("article") ?? document.getElementById("main")).focus(); }

  /** Keys: j and k go from card to card; a, e and r go to the buttons of the card, which Enter then presses. */
  key(name) {
    const cards = [...this.list.querySelectorAll("article")];
    const at = cards.findIndex((card) => card.contains(document.activeElement));
    if (name === "j" || name === "k") {
      const next = name === "j" ? cards[at + 1] ?? cards[0] : cards[at < 0 ? cards.length - 1 : Math.max(0, at - 1)];
      next?.focus();
      next?.scrollIntoView({ block: "nearest" });
      return true;
    }
    const action = { a: "approve", e: "edit", r: "reject" }[name];
    if (!action || !cards.length) return false;
    const card = cards[Math.max(0, at)];
    card.querySelector(`button[data-action="${action}"]:not(:disabled)`)?.focus();
    return true;
  }
}

// What the page knows: the latest records, and the approvals with what became of them. Views listen for changes.

import { get } from "./net.js";
import { now, setNow } from "./times.js";

const MOST = 1500;

export class Store extends EventTarget {
  constructor() {
    super();
    this.records = []; // oldest first
    this.approvals = new Map(); // key -> {session, approval, asked?, arguments?, sources?}
    this.you = { name: "", approve: false };
    this.ids = new Set();
    this.superseded = new Map();
    this.further = 0; // sessions with questions that are not listed
    this.late = false;
    this.queue = []; // approvals to be asked for, one after the other
    this.asking = false;
  }

  say(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }

  /** A record of the stream. Those that were seen before come again after a reconnection. */
  add(record) {
    if (this.ids.has(record.id)) return;
    this.ids.add(record.id);
    if (record.kind === "superseded") this.superseded.set(record.superseded, record);
    this.records.push(record);
    if (this.records.length > MOST) this.ids.delete(this.records.shift().id);
    this.say("record", record);
    if (record.kind === "approval") this.later();
    const key = `${record.session}\n${record.approval}`;
    if (record.approval && record.kind !== "approval" && this.approvals.has(key)) this.refresh(key);
  }

  /** Ask for the open approvals soon: many records may come at once. */
  later() {
    if (this.late) return;
    this.late = true;
    setTimeout(() => { this.late = false; this.load().catch(() => {}); }, 60);
  }

  /** All open approvals. One that is known and not among them was answered, or is over: it stays, as what became of it. */
  async load() {
    const answer = await get("v1/approvals");
    setNow(answer.now);
    this.you = answer.you;
    this.further = Number(answer.further ?? 0);
    const open = new Set();
    for (const each of answer.approvals) {
      const key = keyOf(each);
      open.add(key);
      const known = this.approvals.get(key);
      if (!known) { this.approvals.set(key, each); this.say("asked", key); }
      else if (known.approval.state !== each.approval.state) { known.approval = each.approval; this.say("answered", key); }
      else if (known.outdated !== each.outdated) { known.outdated = each.outdated; this.say("detail", key); }
    }
    for (const [key, each] of this.approvals) {
      if (each.approval.state === "pending" && !open.has(key)) this.refresh(key);
    }
    this.say("approvals");
  }

  /** Ask for one approval, after those that were asked for before: each takes the service some work. */
  async fetch(key) {
    if (!this.queue.includes(key)) this.queue.push(key);
    if (this.asking) return;
    this.asking = true;
    while (this.queue.length) await this.refresh(this.queue.shift());
    this.asking = false;
  }

  /** One approval as it stands now, with where its arguments came from. */
  async refresh(key) {
    const [session, id] = [key.slice(0, key.lastIndexOf("\n")), key.slice(key.lastIndexOf("\n") + 1)];
    try {
      const found = await get(`v1/approvals/${encodeURIComponent(session)}/${encodeURIComponent(id)}`);
      setNow(found.now);
      const known = this.approvals.get(key) ?? found;
      const before = known.approval.state;
      Object.assign(known, found);
      this.approvals.set(key, known);
      this.say(before === known.approval.state ? "detail" : "answered", key);
      if (before !== known.approval.state) this.say("approvals");
      return known;
    } catch (error) {
      this.say("failed", { key, error });
      return null;
    }
  }

  /** Open questions, and those that time has closed meanwhile. */
  tick() {
    for (const [key, each] of this.approvals) {
      const { state, expires } = each.approval;
      if ((state === "pending" || state === "approved") && expires <= now()) {
        each.approval = { ...each.approval, state: "expired" };
        this.say("answered", key);
        this.say("approvals");
      }
    }
  }

  open() { return [...this.approvals.values()].filter((each) => each.approval.state === "pending"); }

  /** Drop those that are closed from the inbox. */
  clear() {
    for (const [key, each] of this.approvals) if (each.approval.state !== "pending") this.approvals.delete(key);
    this.say("approvals");
  }
}

export function keyOf(each) { return `${each.session}\n${each.approval.id}`; }

// One question: what would run, why a rule asks, where each argument came from, how long there is; and the answer.

import { badge, button, fill, h, said, visible } from "./dom.js";
import { Edit, diffList } from "./edit.js";
import { reasonList, shadowList } from "./explanation.js";
import { leaves, read, write } from "./json.js";
import { post, words } from "./net.js";
import { argumentList } from "./sources.js";
import { keyOf } from "./store.js";
import { ago, now, span, stamp } from "./times.js";

const STATES = {
  pending: ["waits", "warn"], approved: ["approved", "good"], rejected: ["rejected", "bad"],
  used: ["approved and run", "good"], expired: ["expired", ""],
};

export class Card {
  constructor(store, each) {
    this.store = store;
    this.each = each;
    this.key = keyOf(each);
    this.busy = false;
    this.mine = false;
    this.state = h("span.state");
    this.time = h("p.time");
    this.left = h("progress", { max: 1, value: 1, "aria-label": "Time that is left" });
    this.asks = h("p.who");
    this.why = h("div");
    this.args = h("div");
    this.missing = h("p");
    this.outcome = h("div.outcome");
    this.problem = h("p.problem", { role: "alert", hidden: true });
    this.buttons = h("div.actions");
    this.editing = h("div");
    const { approval } = each;
    const name = `approval-${approval.id}`;
    this.node = h("article.card", { tabindex: 0, "aria-labelledby": name },
      h("header",
        h("h2", { id: name }, h("code", ...visible(approval.tool))), this.state, this.time, this.left),
      this.asks,
      h("section", h("h3", "Why a person is asked"), this.why),
      h("section", h("h3", "What would run"), this.args, this.missing),
      this.outcome, this.problem, this.buttons, this.editing,
      exact(approval));
    this.update();
  }

  load() { this.store.fetch(this.key); }

  /** What belongs to the question could not be had: it must not look as if there were nothing. */
  failed(error) {
    if (this.each.arguments) return;
    fill(this.missing, h("span.caution", "Where the arguments come from is not known: ", said(words(error))), " ",
      button("Ask again", () => { fill(this.missing); this.load(); }, { kind: "link" }));
  }

  /** Show what is known now. */
  update() {
    const { approval, asked, session } = this.each;
    const [word, tone] = STATES[approval.state] ?? [approval.state, ""];
    fill(this.state, badge(word, tone));
    this.node.dataset.state = approval.state;
    fill(this.asks, ...this.asker(asked, session));
    fill(this.why, reasonList(asked?.reasons ?? approval.reasons.map(([rule, text]) => ({ rule, text }))), shadowList(asked?.shadow));
    const known = this.each.arguments ?? [...leaves(read(approval.granted).args)].filter(([path]) => path !== "$").map(([path, value]) => ({ path, value }));
    if (this.shown !== this.each.arguments || !this.shown) {
      this.shown = this.each.arguments;
      fill(this.args, argumentList(known, this.each));
    }
    fill(this.outcome, ...this.result());
    this.actions();
    this.tick();
  }

  asker(asked, session) {
    const principal = asked?.principal;
    const who = principal
      ? ["Asked for ", h("strong", said(principal.id)), principal.roles?.length ? [" (", said(principal.roles.join(", ")), ")"] : null]
      : ["Asked"];
    return [...who, " in session ", h("a", { href: `#/session/${encodeURIComponent(session)}` }, ...visible(session)), ", ",
      h("time", { title: stamp(this.each.approval.created) }, ago(this.each.approval.created))];
  }

  result() {
    const { approval } = this.each;
    if (approval.state === "pending") {
      return this.each.outdated ? [h("p.result", "The policy has changed since: no answer is taken. If the agent proposes the call again, it is decided anew.")] : [];
    }
    if (approval.state === "expired") {
      return [h("p.result", approval.by ? "The approval was not used in time." : "Nobody answered in time.", " If the agent proposes the call again, it is decided anew.")];
    }
    const by = [this.mine ? "You answered" : ["Answered by ", said(approval.by)], ` ${ago(approval.resolved)}: `];
    if (approval.state === "rejected") return [h("p.result", ...by, h("strong", "rejected"), ". The same call, proposed again, is denied.")];
    const edited = approval.granted !== approval.proposed;
    const done = approval.state === "used" ? "It was let go once, and cannot be used again." : "The agent may run exactly this call, once.";
    return [h("p.result", ...by, h("strong", edited ? "edited and approved" : "approved"), `. ${done}`),
      edited && h("section", h("h3", "The edit"), diffList(read(approval.proposed).args, read(approval.granted).args))];
  }

  actions() {
    const open = this.each.approval.state === "pending";
    if (!open) {
      if (this.buttons.contains(document.activeElement) || this.editing.contains(document.activeElement)) this.node.focus();
      fill(this.buttons);
      this.close();
      this.drawn = false;
      return;
    }
    const may = this.store.you.approve;
    if (this.drawn !== may) {
      fill(this.buttons,
        button("Approve", () => this.answer({ answer: "approve" }), { kind: "primary", "data-action": "approve" }),
        button("Edit…", () => this.edit(), { "data-action": "edit", "aria-expanded": "false" }),
        button("Reject", () => this.answer({ answer: "reject" }), { kind: "danger", "data-action": "reject" }));
      this.drawn = may;
    }
    for (const each of this.buttons.children) each.disabled = this.busy || !may || this.each.outdated === true;
  }

  edit() {
    if (this.form) { this.close(); return; }
    this.form = new Edit(this.each, (args) => this.answer(`{"answer":"edit","args":${args}}`), () => { this.close(); this.buttons.querySelector('[data-action="edit"]')?.focus(); });
    fill(this.editing, this.form.node);
    this.buttons.querySelector('[data-action="edit"]').setAttribute("aria-expanded", "true");
    this.form.focus();
  }

  close() {
    this.form = null;
    fill(this.editing);
    this.buttons.querySelector('[data-action="edit"]')?.setAttribute("aria-expanded", "false");
  }

  async answer(body) {
    if (this.busy) return;
    this.busy = true;
    this.actions();
    this.problem.hidden = true;
    try {
      const { session, approval } = this.each;
      const path = `v1/approvals/${encodeURIComponent(session)}/${encodeURIComponent(approval.id)}`;
      this.each.approval = (await post(path, body)).approval;
      this.mine = true;
      this.store.say("answered", this.key);
      this.store.say("approvals");
      this.node.focus();
    } catch (error) {
      fill(this.problem, said(words(error)));
      this.problem.hidden = false;
    } finally {
      this.busy = false;
      await this.store.refresh(this.key);
      this.update();
    }
  }

  /** The clock moves on. */
  tick() {
    const { state, created, expires } = this.each.approval;
    const left = expires - now();
    this.left.hidden = state !== "pending";
    this.left.value = Math.max(0, Math.min(1, left / Math.max(1, expires - created)));
    this.node.classList.toggle("urgent", state === "pending" && left < 60e6);
    fill(this.time, state === "pending" ? `${span(left)} left` : "");
  }
}

/** Everything, to the letter; made when it is unfolded, since a call may be large. */
function exact(approval) {
  const body = h("div");
  const made = h("details.more", h("summary", "The exact call"), body);
  made.addEventListener("toggle", () => {
    if (made.open && !body.firstChild) fill(body, h("pre", h("code", ...visible(write(read(approval.proposed))))), h("dl.facts", ...facts(approval)));
  });
  return made;
}

function facts(approval) {
  const rows = [["Call", approval.call_id], ["Digest", approval.digest], ["Policy", approval.policy], ["Approval", approval.id],
    ["Asked", stamp(approval.created)], ["Expires", stamp(approval.expires)]];
  return rows.map(([name, value]) => h("div", h("dt", name), h("dd", h("code", ...visible(value)))));
}

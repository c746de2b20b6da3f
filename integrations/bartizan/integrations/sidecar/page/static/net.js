// Requests and the stream of events. The token is kept for this tab only, and goes nowhere but to this service.

import { NotJSON, compact, read } from "./json.js";

const KEY = "bartizan.token";
const DEAD = 45_000; // the service says something every 15 seconds; after this long without a byte the line is dead

export class Refused extends Error {
  constructor(status, detail) { super(detail); this.status = status; }
}

export class Offline extends Error {}

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
  clear: () => sessionStorage.removeItem(KEY),
};

async function ask(path, options = {}) {
  const headers = { authorization: `Bearer ${token.get()}`, ...options.headers };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Offline("The service cannot be reached.");
  }
  if (answer.ok) return answer;
  let detail = answer.statusText || `status ${answer.status}`;
  try { detail = String(read(await answer.text()).detail ?? detail); } catch { /* no problem document: the status says it */ }
  if (answer.status === 401) dispatchEvent(new CustomEvent("bartizan:signed-out", { detail }));
  throw new Refused(answer.status, detail);
}

export async function get(path) {
  return read(await (await ask(path)).text());
}

/** body: JSON text, or a value. */
export async function post(path, body) {
  const text = typeof body === "string" ? body : compact(body);
  const answer = await ask(path, { method: "POST", body: text, headers: { "content-type": "application/json" } });
  return read(await answer.text());
}

/** Words for whatever went wrong. */
export function words(error) {
  if (error instanceof Refused) {
    if (error.status === 403) return `Not permitted: ${error.message}.`;
    if (error.status === 409) return `Not taken: ${error.message}.`;
    if (error.status === 503) return `The service is busy or its store does not answer: ${error.message}. Try again.`;
  }
  return error.message;
}

/**
 * Follow the decisions until stopped: on.record(record), on.live(), on.state("live" | "waiting", seconds).
 * A stream that ends or falls silent is opened again, later and later, at most 30 seconds apart.
 */
export function follow(path, on) {
  let stopped = false;
  let failures = 0;
  let wake = () => {};
  let controller = null;

  async function run() {
    while (!stopped) {
      controller = new AbortController();
      const started = Date.now();
      try {
        await once(path, on, controller);
        failures = 0;
      } catch (error) {
        if (stopped) return;
        if (error instanceof Refused && (error.status === 401 || error.status === 403)) { on.state("refused", 0); return; }
      }
      if (stopped) return;
      failures = Date.now() - started > 30_000 ? 0 : failures + 1;
      const seconds = Math.min(30, 2 ** Math.min(failures, 5)) * (0.75 + Math.random() / 2) / 2;
      on.state("waiting", seconds);
      await new Promise((resolve) => { wake = resolve; setTimeout(resolve, seconds * 1000); });
    }
  }

  const again = () => wake();
  addEventListener("online", again);
  run();
  return {
    retry: again,
    stop() { stopped = true; removeEventListener("online", again); controller?.abort(); wake(); },
  };
}

async function once(path, on, controller) {
  const answer = await ask(path, { signal: controller.signal, headers: { accept: "text/event-stream" } });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let watchdog = 0;
  const alive = () => { clearTimeout(watchdog); watchdog = setTimeout(() => controller.abort(), DEAD); };
  alive();
  let pending = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      const blocks = (pending + value).split("\n\n");
      pending = blocks.pop();
      for (const block of blocks) handle(block, on);
    }
  } finally {
    clearTimeout(watchdog);
    reader.cancel().catch(() => {});
  }
}

function handle(block, on) {
  const fields = Object.create(null);
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, "");
  }
  if (!fields.data) return;
  let data;
  try { data = read(fields.data); } catch (error) { if (error instanceof NotJSON) return; throw error; }
  if (fields.event === "record") on.record(data);
  else if (fields.event === "live") { on.live(data); on.state("live", 0); }
}

// JSON without loss. JSON.parse makes 1.0 and 1 the same and rounds long numbers, but what a person approves is the
// exact text. Here a number that JavaScript would write otherwise stays a Numeral with its own text, a key that comes
// twice is an error as it is for the service, and objects have no prototype: "__proto__" is a key like any other.

export class Numeral {
  constructor(text) { this.text = text; }
  toString() { return this.text; }
}

export class NotJSON extends Error {}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;
const DEEPEST = 100;

/** The value of a JSON text. Throws NotJSON that says where it cannot be read. */
export function read(text) {
  const reader = new Reader(text);
  reader.space();
  const value = reader.value(0);
  reader.space();
  if (reader.at < text.length) reader.fail("the end of the text");
  return value;
}

class Reader {
  constructor(text) { this.text = text; this.at = 0; }

  fail(expected) {
    const before = this.text.slice(0, this.at).split("\n");
    const found = this.at < this.text.length ? `“${this.text.slice(this.at, this.at + 12)}”` : "the end";
    throw new NotJSON(`Line ${before.length}, column ${before.at(-1).length + 1}: expected ${expected}, found ${found}.`);
  }

  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found && found[0];
  }

  space() { this.take(SPACE); }

  eat(char) {
    if (this.text[this.at] !== char) return false;
    this.at += 1;
    this.space();
    return true;
  }

  word(text, value) {
    if (!this.text.startsWith(text, this.at)) this.fail("a value");
    this.at += text.length;
    return value;
  }

  value(depth) {
    if (depth > DEEPEST) this.fail("fewer levels");
    const char = this.text[this.at];
    if (char === "{") return this.object(depth);
    if (char === "[") return this.list(depth);
    if (char === '"') return this.string();
    if (char === "t") return this.word("true", true);
    if (char === "f") return this.word("false", false);
    if (char === "n") return this.word("null", null);
    const number = this.take(NUMBER);
    if (!number) this.fail("a value");
    return String(Number(number)) === number ? Number(number) : new Numeral(number);
  }

  string() {
    const written = this.take(STRING);
    if (written === null) this.fail("a text in quotes, closed and without raw line breaks");
    return JSON.parse(written);
  }

  object(depth) {
    const made = Object.create(null);
    this.eat("{");
    if (this.closed("}")) return made;
    do {
      if (this.text[this.at] !== '"') this.fail("a key in quotes");
      const start = this.at;
      const key = this.string();
      if (key in made) { this.at = start; this.fail("a key that is not there yet"); }
      this.space();
      if (!this.eat(":")) this.fail("a colon");
      made[key] = this.value(depth + 1);
      this.space();
    } while (this.eat(","));
    if (!this.closed("}")) this.fail("a comma or }");
    return made;
  }

  list(depth) {
    const made = [];
    this.eat("[");
    if (this.closed("]")) return made;
    do {
      made.push(this.value(depth + 1));
      this.space();
    } while (this.eat(","));
    if (!this.closed("]")) this.fail("a comma or ]");
    return made;
  }

  // The end of a list or object: the space after it is whoever reads on's.
  closed(char) {
    if (this.text[this.at] !== char) return false;
    this.at += 1;
    return true;
  }
}

/** A value as JSON text, on several lines where it is not short; open: each field of the outermost on a line of its own. */
export function write(value, indent = "", open = false) {
  const flat = compact(value);
  const inline = !isStructure(value) || !Object.keys(value).length || (!open && flat.length + indent.length <= 72);
  if (inline) return flat;
  const inner = `${indent}  `;
  if (Array.isArray(value)) return `[\n${value.map((item) => inner + write(item, inner)).join(",\n")}\n${indent}]`;
  const fields = Object.keys(value).map((key) => `${inner}${JSON.stringify(key)}: ${write(value[key], inner)}`);
  return `{\n${fields.join(",\n")}\n${indent}}`;
}

/** A value as JSON text on one line. */
export function compact(value) {
  if (value instanceof Numeral) return value.text;
  if (Array.isArray(value)) return `[${value.map(compact).join(", ")}]`;
  if (isStructure(value)) {
    return `{${Object.keys(value).map((key) => `${JSON.stringify(key)}: ${compact(value[key])}`).join(", ")}}`;
  }
  return JSON.stringify(value ?? null);
}

export function isStructure(value) {
  return typeof value === "object" && value !== null && !(value instanceof Numeral);
}

export function same(one, other) {
  return compact(sorted(one)) === compact(sorted(other));
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isStructure(value)) return value;
  const made = Object.create(null);
  for (const key of Object.keys(value).sort()) made[key] = sorted(value[key]);
  return made;
}

/** The scalars of a value (and its empty lists and objects), each with its path. */
export function* leaves(value, path = "$") {
  const items = Array.isArray(value)
    ? value.map((item, index) => [`${path}[${index}]`, item])
    : isStructure(value) ? Object.keys(value).map((key) => [path + step(key), value[key]]) : [];
  if (!items.length) yield [path, value];
  for (const [at, item] of items) yield* leaves(item, at);
}

function step(key) {
  return /^[\p{L}\p{N}_-]+$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** What differs between two values: [{path, before, after}], undefined for what is not there. */
export function changes(before, after) {
  const old = new Map(leaves(before));
  const made = new Map(leaves(after));
  const found = [];
  for (const path of new Set([...old.keys(), ...made.keys()])) {
    const pair = { path, before: old.get(path), after: made.get(path) };
    if (!old.has(path) || !made.has(path) || compact(pair.before) !== compact(pair.after)) found.push(pair);
  }
  return found;
}

// Times are microseconds since the epoch, on the service's clock; "ago" is reckoned on it, too.

let offset = 0;

/** Take note of what time the service says it is. */
export function setNow(micros) {
  if (Number.isFinite(micros)) offset = micros / 1000 - Date.now();
}

export function now() {
  return (Date.now() + offset) * 1000;
}

export function clock(micros) {
  const date = new Date(micros / 1000);
  return Number.isNaN(date.getTime()) ? "?" : date.toLocaleTimeString("en-GB", { hour12: false });
}

export function stamp(micros) {
  const date = new Date(micros / 1000);
  return Number.isNaN(date.getTime()) ? "?" : date.toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
}

/** "42 s", "3 min", "2 h 5 min", "4 days". */
export function span(micros) {
  const seconds = Math.max(0, Math.round(micros / 1e6));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) return minutes < 10 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

export function ago(micros) {
  return `${span(now() - micros)} ago`;
}

// How numbers, sizes, moments and long texts are written.

const whole = new Intl.NumberFormat('en-US');
export const count = (n: number) => whole.format(n);

/** `1 client`, `2 clients`. */
export const plural = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** At most four characters for places without room: 999, 1.2k, 45k, 3.1M. */
export function short(n: number): string {
  if (n < 1000) return String(n);
  const units = ['k', 'M', 'G'];
  let value = n;
  let unit = -1;
  do {
    value /= 1000;
    unit += 1;
  } while (value >= 999.5 && unit < units.length - 1);
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)}${units[unit]}`;
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = n;
  let unit = -1;
  do {
    value /= 1024;
    unit += 1;
  } while (value >= 1024 && unit < units.length - 1);
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function millis(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} min ${Math.round(s % 60)} s`;
  return `${Math.floor(m / 60)} h ${m % 60} min`;
}

/** `2026-11-22 01:02:03Z` of an RFC 3339 text; the text itself when it is not one. */
export function utc(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  return at.toISOString().slice(0, 19).replace('T', ' ') + 'Z';
}

/** The same moment on this person's clock. */
export function local(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  return at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' });
}

/** `3 min ago`, `in 6 days`. */
export function ago(text: string, now = Date.now()): string {
  const at = new Date(text).getTime();
  if (Number.isNaN(at)) return text;
  const ms = now - at;
  const size = Math.abs(ms);
  const steps: [number, string][] = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  for (const [step, unit] of steps) {
    if (size >= step) {
      const n = Math.floor(size / step);
      const many = unit === 'day' || unit === 'hour' ? (n === 1 ? '' : 's') : '';
      return ms >= 0 ? `${n} ${unit}${many} ago` : `in ${n} ${unit}${many}`;
    }
  }
  return 'just now';
}

/** Cuts the middle out: both ends of a path or hash matter. */
export function middle(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = Math.ceil((max - 1) * 0.6);
  return `${text.slice(0, head)}…${text.slice(text.length - (max - 1 - head))}`;
}

/** One line for a cell, whatever the value is. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value.length > 400 ? value.slice(0, 400) : value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = JSON.stringify(value);
  return text.length > 400 ? text.slice(0, 400) : text;
}

/** Looks like something that is read character by character. */
export const looksTechnical = (text: string) =>
  /^[0-9a-f]{16,}$/i.test(text) ||
  /^([A-Z]:)?[\\/][^\s]/.test(text) ||
  /^[CFHUNW]\.[0-9a-z]+/i.test(text) ||
  /^[[{]/.test(text);

export type IdKind = 'client' | 'flow' | 'hunt' | 'finding' | 'window';
const KINDS: Record<string, IdKind> = { C: 'client', F: 'flow', H: 'hunt', N: 'finding', W: 'window' };
/** What an id names; null for other texts. */
export function idKind(text: string): IdKind | null {
  const found = /^([CFHNW])\.[0-9a-zA-Z_-]{6,}$/.exec(text.trim());
  return found ? KINDS[found[1]!]! : null;
}

/** The first characters of an id, for places where the whole would crowd the rest out. */
export const shortId = (id: string) => (id.length > 14 ? `${id.slice(0, 12)}…` : id);

/** What a shell reads back as exactly this text. */
export const shellWord = (text: string) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

// Rates, durations and sizes as people type them. The server decides; this only catches slips early.

export const validRate = (text: string) =>
  /^(unlimited|[1-9]\d{0,8}\s*\/\s*(s|sec|second|min|minute|h|hour))$/.test(text.trim());
export const validDuration = (text: string) => /^(\d+(\.\d+)?(ms|s|m|h|d|w)\s*)+$/.test(text.trim());
export const validSize = (text: string) => /^\d+(\.\d+)?\s*([KMGT]i?B?|B)?$/i.test(text.trim());
/** A share that may be more than the whole. */
export const validPercent = (text: string) => /^[1-9]\d{0,3}(\.\d+)?%$/.test(text.trim());
export const validShare = (text: string) => /^(0|[1-9]\d?%|100%)$/.test(text.trim());

/** Clients in a minute, or null for no bound. */
export function perMinute(rate: string): number | null {
  const found = /^(\d+)\s*\/\s*(s|min|h)/.exec(rate.trim());
  if (!found) return null;
  const n = Number(found[1]);
  return found[2] === 's' ? n * 60 : found[2] === 'h' ? n / 60 : n;
}

/** About how long recruiting so many clients takes at this rate; empty when nothing bounds it. */
export function timeFor(clients: number, rate: string): string {
  const speed = perMinute(rate);
  if (!speed || clients === 0) return '';
  const minutes = clients / speed;
  if (minutes < 1.5) return 'about a minute';
  if (minutes < 90) return `about ${Math.ceil(minutes)} minutes`;
  if (minutes < 36 * 60) return `about ${Math.ceil(minutes / 60)} hours`;
  return `about ${Math.ceil(minutes / 1440)} days`;
}

/** A hunt that asks more clients than this wants its name typed before it starts. */
export const WIDE = 500;

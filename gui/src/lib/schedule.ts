// When a recurring hunt asks, in words. What has no short words is shown as it was written.

import type { HuntSchedule } from '../api/schema';

const UNITS: Record<string, string> = { ms: 'millisecond', s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' };
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

const several = (n: number, unit: string) => (n === 1 ? unit : `${n} ${unit}s`);

/** `6 hours`, `1 day 12 hours`; the text itself when it is no duration. */
export function durationSays(text: string): string {
  const parts = [...text.matchAll(/(\d+)(ms|[smhdw])\s*/g)];
  if (parts.map((part) => part[0]).join('') !== text || parts.length === 0) return text;
  if (parts.length === 1 && parts[0]![2] === 'h' && Number(parts[0]![1]) % 24 === 0)
    return durationSays(`${Number(parts[0]![1]) / 24}d`);
  return parts.map((part) => `${part[1]} ${UNITS[part[2]!]}${part[1] === '1' ? '' : 's'}`).join(' ');
}

const everySays = (text: string) => `every ${durationSays(text).replace(/^1 (?=\w+$)/, '')}`;

function and(items: string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** The numbers of a field that is a list; nothing for ranges of steps and other forms. */
function numbers(field: string, names: string[], first: number): number[] | null {
  const one = (text: string): number => {
    if (/^\d+$/.test(text)) return Number(text);
    const at = names.findIndex((name) => name.slice(0, 3).toLowerCase() === text.toLowerCase());
    return at < 0 ? NaN : at + first;
  };
  const out: number[] = [];
  for (const piece of field.split(',')) {
    const [from, to, more] = piece.split('-');
    const low = one(from!);
    const high = to === undefined ? low : one(to);
    if (more !== undefined || Number.isNaN(low) || Number.isNaN(high) || high < low) return null;
    for (let n = low; n <= high; n++) out.push(n);
  }
  return out;
}

const ordinal = (n: number) => {
  const end = n % 100 >= 11 && n % 100 <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${end}`;
};

/** The days of weekday, day and month fields. */
function daysSay(day: string, month: string, weekday: string): string | null {
  const months = month === '*' ? [] : numbers(month, MONTHS, 1);
  if (!months || months.some((n) => n < 1 || n > 12)) return null;
  const inMonths = months.length > 0 ? ` in ${and(months.map((n) => MONTHS[n - 1]!))}` : '';
  if (day === '*' && weekday === '*') return `every day${inMonths}`;
  // Both together mean either of them, which has no short words.
  if (day !== '*' && weekday !== '*') return null;
  if (day !== '*') {
    const of = numbers(day, [], 0);
    if (!of) return null;
    return `on the ${and(of.map(ordinal))} of ${months.length > 0 ? and(months.map((n) => MONTHS[n - 1]!)) : 'every month'}`;
  }
  const of = numbers(weekday, DAYS, 0)?.map((n) => n % 7);
  if (!of || of.some((n) => Number.isNaN(n))) return null;
  if (of.join() === '1,2,3,4,5') return `from Monday to Friday${inMonths}`;
  return `on ${and([...new Set(of)].map((n) => `${DAYS[n]}s`))}${inMonths}`;
}

/** A cron expression in words; null when there are none for it. */
export function cronSays(text: string): string | null {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 5) return null;
  const [minute, hour, day, month, weekday] = fields as [string, string, string, string, string];
  const days = daysSay(day, month, weekday);
  if (!days) return null;
  const often = days === 'every day' ? '' : `, ${days}`;
  const step = (field: string) => (/^\*\/(\d+)$/.exec(field) ?? [])[1];
  if (minute === '*' && hour === '*') return `every minute${often}`;
  if (step(minute) && hour === '*') return `every ${several(Number(step(minute)), 'minute')}${often}`;
  const at = numbers(minute, [], 0);
  if (!at || at.length !== 1 || at[0]! > 59) return null;
  const past = at[0] === 0 ? '' : ` at ${several(at[0]!, 'minute').replace(/^minute/, '1 minute')} past`;
  if (hour === '*') return `every hour${past}${often}`;
  if (step(hour)) return `every ${several(Number(step(hour)), 'hour')}${past}${often}`;
  const hours = numbers(hour, [], 0);
  if (!hours || hours.length > 6 || hours.some((n) => n > 23)) return null;
  const clock = hours.map((n) => `${String(n).padStart(2, '0')}:${String(at[0]).padStart(2, '0')}`);
  return `${days} at ${and(clock)} UTC`;
}

/** When it asks. */
export function scheduleSays(schedule: HuntSchedule): string {
  if (schedule.cron) return cronSays(schedule.cron) ?? `at ${schedule.cron} (cron, UTC)`;
  return schedule.every ? everySays(schedule.every) : 'again and again';
}

/** What a round reads. */
export function windowSays(schedule: HuntSchedule): string {
  const first = schedule.first
    ? `the first time the last ${durationSays(schedule.first).replace(/^1 (?=\w+$)/, '')}`
    : 'the first time everything';
  const buffer = schedule.buffer ?? '1m';
  return `Each client reads what is new since its last round, ${first}; ${
    /^0/.test(buffer) ? 'up to its own clock' : `up to ${durationSays(buffer)} before its own clock`
  }.`;
}

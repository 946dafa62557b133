// Log hunts without a screen: states and their order, lags, positions, the stretch of a timeline, filters of findings.

import type { LogStateCounts, LogTimeline } from '../api/schema';
import { plural } from './text';

export type StreamState = keyof LogStateCounts;

/** Mildest last: what is wrong stands first everywhere. */
export const STREAM_STATES: readonly { state: StreamState; label: string; meaning: string }[] = [
  { state: 'stopped', label: 'Stopped', meaning: 'Wait for a person: the source changed, or a window cannot be read' },
  { state: 'gap', label: 'With gaps', meaning: 'Have windows that were given up' },
  { state: 'failing', label: 'Failing', meaning: 'Their last run failed; it is tried again' },
  { state: 'behind', label: 'Behind', meaning: 'Further behind than twice their interval' },
  { state: 'paused', label: 'Paused', meaning: 'Their tenant is paused' },
  { state: 'waiting', label: 'Waiting', meaning: 'Have not run so far' },
  { state: 'ok', label: 'On time', meaning: 'Run as they should' },
];
const TROUBLE: ReadonlySet<string> = new Set(['stopped', 'gap', 'failing', 'behind']);
export const isTrouble = (state: string) => TROUBLE.has(state);
/** `1 stream needs a look`, `2 streams need a look`. */
export const needALook = (n: number) => `${plural(n, 'stream')} ${n === 1 ? 'needs' : 'need'} a look`;
export const totalStreams = (counts: LogStateCounts) => STREAM_STATES.reduce((sum, s) => sum + counts[s.state], 0);
export const inTrouble = (counts: LogStateCounts) => counts.stopped + counts.gap + counts.failing + counts.behind;

export const WINDOW_STATES: readonly { state: string; label: string }[] = [
  { state: 'committed', label: 'Committed' },
  { state: 'planned', label: 'Planned' },
  { state: 'leased', label: 'Leased' },
  { state: 'running', label: 'Running' },
  { state: 'backoff', label: 'Failed, tried again' },
  { state: 'quarantined', label: 'Quarantined' },
  { state: 'waived', label: 'Waived' },
];

export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'informational'] as const;
export const FINDING_STATES = ['new', 'triaged', 'closed'] as const;

/** A length of time in its two largest units: `2 d 3 h`, `5 min 10 s`. */
export function lagText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  const units: [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  const at = units.findIndex(([size]) => ms >= size);
  if (at < 0) return `${Math.round(ms)} ms`;
  const [size, unit] = units[at]!;
  const rest = units[at + 1];
  const more = rest ? Math.floor((ms % size) / rest[0]) : 0;
  return `${Math.floor(ms / size)} ${unit}${rest && more > 0 ? ` ${more} ${rest[1]}` : ''}`;
}

export const isTime = (domain: string) => domain !== 'cursor';

/** A position of a timeline as a person reads it. */
export function positionText(position: number, domain: string): string {
  if (!isTime(domain)) return String(position);
  return new Date(Math.floor(position / 1000)).toISOString().slice(0, 19).replace('T', ' ') + 'Z';
}

export interface Stretch {
  from: number;
  to: number;
}

/** Makes a stretch `factor` times as wide around a point of it (0 left, 1 right); never narrower than 1 s or 10 rows. */
export function zoomed({ from, to }: Stretch, factor: number, around: number, domain: string): Stretch {
  const least = isTime(domain) ? 1_000_000 : 10;
  const width = Math.max(least, Math.round((to - from) * factor));
  const begin = Math.round(from + (to - from) * around - width * around);
  return { from: begin, to: begin + width };
}
export const moved = ({ from, to }: Stretch, share: number): Stretch => {
  const by = Math.round((to - from) * share);
  return { from: from + by, to: to + by };
};

/** The newest stretch of so many milliseconds, up to now where there is one. */
export function newest(line: Pick<LogTimeline, 'now' | 'planned_to' | 't0'>, ms: number): Stretch {
  const to = line.now ?? line.planned_to;
  return { from: Math.max(to - ms * 1000, Math.min(line.t0, to - 1_000_000)), to };
}

/** Round steps for an axis: some six of them. */
export function ticksOf({ from, to }: Stretch, domain: string, wanted = 6): number[] {
  const width = to - from;
  if (width <= 0) return [];
  const S = 1_000_000;
  const steps = isTime(domain)
    ? [
        1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 31_536_000,
      ].map((s) => s * S)
    : Array.from({ length: 48 }, (_, i) => [1, 2, 5][i % 3]! * 10 ** Math.floor(i / 3));
  const step = steps.find((s) => width / s <= wanted) ?? steps.at(-1)!;
  const out = [];
  for (let at = Math.ceil(from / step) * step; at <= to && out.length < 100; at += step) out.push(at);
  return out;
}

/** `12:30` within a day, `11-22 12:30` within a year, else the day. */
export function tickText(position: number, stretch: Stretch, domain: string): string {
  if (!isTime(domain)) return String(position);
  const text = positionText(position, domain);
  const width = stretch.to - stretch.from;
  if (width <= 600_000_000) return text.slice(11, 19);
  if (width <= 86_400_000_000) return text.slice(11, 16);
  if (width <= 30 * 86_400_000_000) return text.slice(5, 16);
  return text.slice(0, 10);
}

/** Adds or takes a value of a list that is separated by commas. */
export function toggled(list: string | undefined, value: string): string | undefined {
  const all = valuesOf(list);
  const next = all.includes(value) ? all.filter((v) => v !== value) : [...all, value];
  return next.length ? next.join(',') : undefined;
}
export const valuesOf = (list: string | undefined) => (list ? list.split(',').filter(Boolean) : []);

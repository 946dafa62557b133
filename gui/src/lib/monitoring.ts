// Words and days of monitoring.

import type { MonitoringLimits } from '../api/schema';
import { count } from './text';

/** What an entry may use on one client. */
export function limitsSay(limits: MonitoringLimits | undefined): string {
  const cpu = !limits?.cpu || limits.cpu === '0' ? 'any share of a processor' : `${limits.cpu} of a processor`;
  const rows = limits?.rows_per_second ? `${count(limits.rows_per_second)} rows/s` : 'any number of rows';
  return [cpu, rows, ...(limits?.batch_wait ? [`sent within ${limits.batch_wait}`] : [])].join(', ');
}

/** The names under which an artifact's rows are kept. */
export const sourceNames = (artifact: string, sources: { name?: string | null }[]) =>
  sources.length === 0 ? [artifact] : sources.map((one) => (one.name ? `${artifact}/${one.name}` : artifact));

/** Today in UTC, as the API takes days. */
export const today = (now = Date.now()) => new Date(now).toISOString().slice(0, 10);

export const isDay = (text: string | undefined): text is string =>
  /^\d{4}-\d\d-\d\d$/.test(text ?? '') && !Number.isNaN(new Date(`${text}T00:00:00Z`).getTime());

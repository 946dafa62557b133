// Words about what bounds a hunt: canaries, budgets, failures, rounds.

import type { HuntCanary, HuntSpent, HuntView, StopWhen } from '../api/schema';
import { bytes, count, plural } from './text';

/** Classes of failure that a retry rule may name. */
export const FAILURE_CLASSES: readonly { name: string; label: string }[] = [
  { name: 'agent_restarted', label: 'The agent was restarted' },
  { name: 'timeout', label: 'It ran out of time' },
  { name: 'no_progress', label: 'Nothing came for too long' },
  { name: 'row_limit', label: 'It brought too many rows' },
  { name: 'upload_limit', label: 'Its files were too large' },
  { name: 'query', label: 'The query failed' },
  { name: 'incomplete', label: 'Not all rows arrived' },
  { name: 'refused', label: 'The agent refused it' },
];

export const canarySays = (canary: HuntCanary) =>
  canary.then === 'auto'
    ? `${plural(canary.clients, 'client')} ${canary.clients === 1 ? 'begins' : 'begin'}. When all of them have finished well, the others follow by themselves; otherwise the hunt is paused.`
    : `${plural(canary.clients, 'client')} ${canary.clients === 1 ? 'begins' : 'begin'}. The others wait until somebody has looked and lets them in.`;

export const stopSays = (stop: StopWhen) =>
  `Recruiting ends once ${stop.failed_share || 'this share'} of the clients that have finished failed${
    stop.after_clients ? `, as soon as ${count(stop.after_clients)} have finished` : ''
  }. What runs goes on to its end.`;

export const validCron = (text: string) => text.trim().split(/\s+/).length === 5 && /^[\d*/,\-\sA-Za-z]+$/.test(text);

/** Where a hunt stands with its canaries, and what can be done; nothing when it has none or all are let in. */
export function stageSays(hunt: HuntView): { tone: 'info' | 'warn' | 'bad'; title: string; text: string } | null {
  const canary = hunt.spec.canary;
  const n = canary ? plural(canary.clients, 'client') : 'A few clients';
  if (hunt.stage === 'canary')
    return {
      tone: 'info',
      title: 'It is being tried on a few clients',
      text:
        canary?.then === 'auto'
          ? `${n} begin first; the others follow when all of them finished well.`
          : `${n} begin first; then it waits for somebody who lets the others in.`,
    };
  if (hunt.stage === 'holding')
    return {
      tone: 'warn',
      title: 'It waits for you',
      text: `The first ${n} have finished. Look at what they brought, then let the others in.`,
    };
  if (hunt.stage === 'unhealthy')
    return {
      tone: 'bad',
      title: 'Its first clients did not finish well',
      text: 'It is paused. Look at why they failed; resume it, let the others in all the same, or stop it.',
    };
  return null;
}

export const PAUSE_REASONS: Record<string, string> = {
  asked: 'on request',
  canary_failed: 'because its first clients failed',
};

export const END_REASONS: Record<string, string> = {
  asked: 'on request',
  expired: 'because its time was over',
  client_limit: 'because it had enough clients',
  row_budget: 'because its budget of rows was used up',
  upload_budget: 'because its budget of files was used up',
  cpu_budget: 'because its budget of processor time was used up',
  failed_share: 'because too many clients failed',
};

export interface Budget {
  what: string;
  used: string;
  most: string;
  /** Of what may be used, in percent; up to 100. */
  percent: number;
}

const size = (text: string | undefined): number => {
  const found = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?$/i.exec((text ?? '0').trim());
  if (!found) return 0;
  const step = found[3] || !found[2] ? 1024 : 1000;
  return Number(found[1]) * step ** ' KMGT'.indexOf((found[2] || ' ').toUpperCase());
};

/** What of its budgets a hunt has used; only those that it has. */
export function budgets(hunt: HuntView): Budget[] {
  const total = hunt.spec.limits?.total;
  const spent: Partial<HuntSpent> = hunt.spent ?? {};
  const out: Budget[] = [];
  const add = (what: string, used: number, most: number, show: (n: number) => string) => {
    if (most > 0) out.push({ what, used: show(used), most: show(most), percent: Math.min(100, (used / most) * 100) });
  };
  add('Rows', spent.rows ?? 0, total?.rows ?? 0, count);
  add('Files', spent.upload_bytes ?? 0, size(total?.upload_bytes), bytes);
  add('Processor time', spent.cpu_seconds ?? 0, total?.cpu_seconds ?? 0, (n) => `${count(n)} s`);
  return out;
}

// The queues of a hunt: their order, words, and how the bar divides its width. One order everywhere.

import type { QueueCounts } from '../api/schema';

export type Queue = keyof QueueCounts;

export interface QueueInfo {
  queue: Queue;
  label: string;
  /** One sentence for people who meet the word for the first time. */
  meaning: string;
}

export const QUEUES: readonly QueueInfo[] = [
  { queue: 'asked', label: 'Asked', meaning: 'Were sent the question and have not answered yet' },
  { queue: 'refused', label: 'Refused', meaning: 'Do not match the condition' },
  { queue: 'pending', label: 'Pending', meaning: 'Match, and wait for their turn' },
  { queue: 'running', label: 'Running', meaning: 'Are collecting now' },
  { queue: 'completed', label: 'Completed', meaning: 'Finished and found nothing' },
  { queue: 'results', label: 'Results', meaning: 'Finished with rows or files' },
  { queue: 'failed', label: 'Failed', meaning: 'Their last attempt failed' },
  { queue: 'cancelled', label: 'Cancelled', meaning: 'Were cancelled before they finished' },
  { queue: 'expired', label: 'Expired', meaning: 'Ran out of time' },
];

/** These two are shown only when somebody stands in them. */
const RARE: ReadonlySet<Queue> = new Set(['cancelled', 'expired']);

export const shownQueues = (counts: QueueCounts) => QUEUES.filter((q) => !RARE.has(q.queue) || counts[q.queue] > 0);

export const queueInfo = (queue: string) => QUEUES.find((q) => q.queue === queue);

export const totalOf = (counts: QueueCounts) => QUEUES.reduce((sum, q) => sum + counts[q.queue], 0);

/** Clients that are through: whatever happens next, they are not waited for. */
export const doneOf = (c: QueueCounts) => c.completed + c.results + c.failed + c.cancelled + c.expired;

/** Clients that the hunt has taken or will take. */
export const recruitedOf = (c: QueueCounts) => doneOf(c) + c.pending + c.running;

export interface BarPart extends QueueInfo {
  count: number;
  /** Share of the bar's width, in percent; all parts together make 100. */
  percent: number;
}

/**
 * Divides the bar. Queues with nobody get no part; a queue with one client among thousands stays wide enough
 * to be seen and clicked, and the others give way in proportion.
 */
export function barParts(counts: QueueCounts, smallest = 1.5): BarPart[] {
  const total = totalOf(counts);
  if (total === 0) return [];
  const present = QUEUES.filter((q) => counts[q.queue] > 0);
  const exact = present.map((q) => (counts[q.queue] / total) * 100);
  const floor = Math.min(smallest, 100 / present.length);
  const lifted = exact.map((share) => share < floor);
  const missing = exact.reduce((sum, share, i) => sum + (lifted[i] ? floor - share : 0), 0);
  const givers = exact.reduce((sum, share, i) => sum + (lifted[i] ? 0 : share - floor), 0);
  return present.map((q, i) => {
    const share = exact[i]!;
    const percent = lifted[i] ? floor : givers > 0 ? share - ((share - floor) / givers) * missing : share;
    return { ...q, count: counts[q.queue], percent };
  });
}

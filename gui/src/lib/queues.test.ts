import { describe, expect, it } from 'vitest';
import type { QueueCounts } from '../api/schema';
import { barParts, doneOf, QUEUES, recruitedOf, shownQueues, totalOf } from './queues';

const counts = (part: Partial<QueueCounts>): QueueCounts => ({
  asked: 0,
  refused: 0,
  pending: 0,
  running: 0,
  completed: 0,
  results: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
  ...part,
});
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

describe('the queue bar', () => {
  it('is empty when nobody was asked', () => {
    expect(barParts(counts({}))).toEqual([]);
  });

  it('keeps one order and leaves out empty queues', () => {
    const parts = barParts(counts({ failed: 1, asked: 2, results: 3 }));
    expect(parts.map((p) => p.queue)).toEqual(['asked', 'results', 'failed']);
  });

  it('divides by share when every part is wide enough', () => {
    const parts = barParts(counts({ refused: 25, results: 75 }));
    expect(parts.map((p) => p.percent)).toEqual([25, 75]);
  });

  it('keeps one failure among fifty thousand visible, and the whole at 100', () => {
    const parts = barParts(counts({ completed: 30_000, results: 20_000, failed: 1 }));
    const failed = parts.find((p) => p.queue === 'failed')!;
    expect(failed.percent).toBe(1.5);
    expect(sum(parts.map((p) => p.percent))).toBeCloseTo(100, 9);
  });

  it('always makes 100, never a negative or vanishing part', () => {
    for (let seed = 1; seed < 600; seed++) {
      const made = Object.fromEntries(
        QUEUES.map((q, i) => [q.queue, (seed * (i + 3) * 7919) % 5 === 0 ? 0 : seed ** (i % 4) % (10 ** (i % 6) + 1)]),
      );
      const all = made as unknown as QueueCounts;
      const parts = barParts(all);
      if (totalOf(all) === 0) continue;
      expect(sum(parts.map((p) => p.percent))).toBeCloseTo(100, 6);
      expect(Math.min(...parts.map((p) => p.percent))).toBeGreaterThan(1);
    }
  });

  it('shows rare queues only when somebody stands in them', () => {
    expect(shownQueues(counts({})).map((q) => q.queue)).toEqual([
      'asked',
      'refused',
      'pending',
      'running',
      'completed',
      'results',
      'failed',
    ]);
    expect(shownQueues(counts({ expired: 1 })).at(-1)?.queue).toBe('expired');
  });

  it('counts who is through and who was taken', () => {
    const c = counts({ asked: 1, refused: 2, pending: 4, running: 8, completed: 16, results: 32, failed: 64 });
    expect([totalOf(c), doneOf(c), recruitedOf(c)]).toEqual([127, 112, 124]);
  });
});

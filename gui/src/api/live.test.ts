import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { applyEvent } from './live';
import { queryClient } from './queries';
import type { HuntView, LiveEvent } from './schema';

const counts = (results: number) => ({
  asked: 0,
  refused: 0,
  pending: 0,
  running: 0,
  completed: 0,
  results,
  failed: 0,
  cancelled: 0,
  expired: 0,
});
const hunt = (id: string) => ({ id, state: 'running', revision: 1, counts: counts(0), rows: 0 }) as unknown as HuntView;
const moved: LiveEvent = { kind: 'hunt', id: 'H.1', state: 'running', revision: 1, counts: counts(5), rows: 40 };

describe('live events', () => {
  let asked: string[] = [];
  beforeEach(() => {
    vi.useFakeTimers();
    asked = [];
    vi.spyOn(queryClient, 'invalidateQueries').mockImplementation((filter) => {
      asked.push(JSON.stringify(filter?.queryKey ?? 'all'));
      return Promise.resolve();
    });
  });
  afterEach(() => {
    vi.runAllTimers();
    vi.restoreAllMocks();
    vi.useRealTimers();
    queryClient.clear();
  });

  it('write a hunt into its page and into every list that shows it', () => {
    queryClient.setQueryData(['hunt', 'H.1'], hunt('H.1'));
    queryClient.setQueryData(['hunts', {}, 'chunk', 0], { items: [hunt('H.1'), hunt('H.2')], total: 2 });
    applyEvent(moved);
    expect(queryClient.getQueryData<HuntView>(['hunt', 'H.1'])?.counts.results).toBe(5);
    const page = queryClient.getQueryData<{ items: HuntView[] }>(['hunts', {}, 'chunk', 0])!;
    expect(page.items.map((h) => h.rows)).toEqual([40, 0]);
    expect(asked).toEqual([]);
  });

  it('ask for members and rows of an open hunt once in two seconds, however many come', () => {
    queryClient.setQueryData(['hunt', 'H.1'], hunt('H.1'));
    queryClient.setQueryData(['hunts', {}], { items: [hunt('H.1')], total: 1 });
    for (let rows = 1; rows <= 20; rows++) applyEvent({ ...moved, rows });
    vi.advanceTimersByTime(2000);
    expect(asked.sort()).toEqual(['["hunt-rows","H.1"]', '["hunt-sources","H.1"]', '["members","H.1"]']);
  });

  it('ask for the whole hunt when its state is new, and for lists that it may enter or leave', () => {
    queryClient.setQueryData(['hunt', 'H.1'], hunt('H.1'));
    queryClient.setQueryData(['hunts', {}], { items: [hunt('H.1')], total: 1 });
    applyEvent({ ...moved, state: 'paused' });
    expect(asked).toEqual(['["hunt","H.1"]']);
    vi.advanceTimersByTime(2000);
    expect(asked).toContain('["hunts"]');
  });

  it('ask for everything after a gap, and ignore words of newer servers', () => {
    applyEvent({ kind: 'missed' });
    expect(asked).toEqual(['"all"']);
    applyEvent({ kind: 'something-new' } as unknown as LiveEvent);
    expect(asked).toEqual(['"all"']);
  });
});

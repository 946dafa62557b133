import { expect, test } from 'vitest';
import type { HuntRequest } from '../api/schema';
import { emptyHunt, huntYaml, stepOfProblem, tidy } from './draft';

const full: HuntRequest = {
  ...emptyHunt(),
  name: ' All of it ',
  description: 'why',
  artifacts: [{ name: 'Linux.Sys.Users', parameters: { a: 'b' } }],
  condition: {
    client: 'SELECT 1',
    server: 'SELECT 2',
    include: { labels: ['prod'], os: 'linux', clients: ['C.1'] },
    exclude: { labels: ['pos'], clients: ['C.2'] },
  },
  rate: '20/min',
  limits: {
    clients: 7,
    running: 3,
    per_client: { rows: 5 },
    total: { rows: 10, upload_bytes: '1GiB', cpu_seconds: 60 },
    stop_when: { failed_share: '20%', after_clients: 50 },
  },
  expires: '7d',
  tags: ['cron'],
  canary: { clients: 10, then: 'auto' },
  retry: { timeout: { times: 2, limit: '200%' } },
  schedule: { every: '6h', buffer: '1m', first: '7d' },
};

test('whatever the form holds is sent', () => {
  expect(tidy(full)).toEqual({ ...full, name: 'All of it', start: undefined });
});

test('what nobody set is left out', () => {
  const sent = tidy({
    ...emptyHunt(),
    name: 'x',
    limits: { clients: 1, total: { rows: 0, upload_bytes: '0', cpu_seconds: 0 }, stop_when: null },
    tags: [],
    canary: null,
    retry: {},
    schedule: null,
  });
  expect(Object.keys(sent)).toEqual(['name', 'artifacts', 'rate', 'limits', 'expires']);
  expect(sent.limits).toEqual({ clients: 1 });
});

test('a schedule is by the clock or every so often, not both', () => {
  const of = (schedule: HuntRequest['schedule']) => tidy({ ...full, schedule }).schedule;
  expect(of({ every: '6h', cron: '0 3 * * *', buffer: '1m' })).toEqual({ cron: '0 3 * * *', buffer: '1m' });
  expect(of({ every: '6h', buffer: '1m' })).toEqual({ every: '6h', buffer: '1m' });
});

test('the file has the bounds, too', () => {
  const yaml = huntYaml(tidy(full));
  for (const line of ['canary:', '  clients: 10', 'failed_share: "20%"', 'every: "6h"', 'tags:', '- cron'])
    expect(yaml).toContain(line);
});

test('a problem leads to the step on which it is mended', () => {
  expect(
    ['artifacts[0].name', 'condition.server', 'canary.clients', 'schedule.cron', 'name'].map(stepOfProblem),
  ).toEqual(['collect', 'target', 'pace', 'pace', null]);
});

import { expect, test } from 'vitest';
import type { HuntView } from '../api/schema';
import { budgets, canarySays, stageSays, stopSays, validCron } from './bounds';

const hunt = (part: object) => ({ spec: {}, spent: {}, ...part }) as unknown as HuntView;

test('budgets are shown where there are any, with what is used of them', () => {
  const spent = { rows: 50, uploads: 1, upload_bytes: 3 * 1024 ** 3, cpu_seconds: 5 };
  const total = { rows: 200, upload_bytes: '2GiB', cpu_seconds: 0 };
  const shown = budgets(hunt({ spent, spec: { limits: { total } } }));
  expect(shown.map((one) => [one.what, one.percent])).toEqual([
    ['Rows', 25],
    ['Files', 100],
  ]);
  expect(budgets(hunt({ spent }))).toEqual([]);
});

test('each stage of canaries says what can be done', () => {
  const at = (stage: string | null) => stageSays(hunt({ stage, spec: { canary: { clients: 10, then: 'gate' } } }));
  expect(at(null)).toBeNull();
  expect(at('canary')?.text).toContain('10 clients begin first; then it waits');
  expect(at('holding')?.title).toBe('It waits for you');
  expect(at('unhealthy')?.tone).toBe('bad');
});

test('bounds are sentences', () => {
  expect(canarySays({ clients: 1, then: 'auto' })).toContain('1 client begins');
  expect(stopSays({ failed_share: '20%', after_clients: 50 })).toContain('as soon as 50 have finished');
});

test('cron has five fields', () => {
  expect(['0 3 * * *', '*/5 8-18 * * mon-fri', '0 3 * *', '', '0 3 * * * *', '0 3 * * $'].map(validCron)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

import { expect, it } from 'vitest';
import { cronSays, durationSays, scheduleSays, windowSays } from './schedule';

it('clocks have words', () => {
  for (const [cron, words] of [
    ['* * * * *', 'every minute'],
    ['*/5 * * * *', 'every 5 minutes'],
    ['0 * * * *', 'every hour'],
    ['17 * * * *', 'every hour at 17 minutes past'],
    ['1 */6 * * *', 'every 6 hours at 1 minute past'],
    ['0 6 * * *', 'every day at 06:00 UTC'],
    ['30 6,18 * * *', 'every day at 06:30 and 18:30 UTC'],
    ['0 3 * * 1-5', 'from Monday to Friday at 03:00 UTC'],
    ['0 3 * * mon-fri', 'from Monday to Friday at 03:00 UTC'],
    ['0 3 * * 0,sat', 'on Sundays and Saturdays at 03:00 UTC'],
    ['0 3 * * 7', 'on Sundays at 03:00 UTC'],
    ['0 0 1 * *', 'on the 1st of every month at 00:00 UTC'],
    ['0 0 2,23 jan *', 'on the 2nd and 23rd of January at 00:00 UTC'],
    ['*/5 * * 12 *', 'every 5 minutes, every day in December'],
  ]) {
    expect(cronSays(cron!), cron).toBe(words);
  }
});

it('what has no words is shown as it was written', () => {
  for (const cron of ['0 3 1 * 1', '0 1-23/2 * * *', '0,30 3 * * *', '0 3 * *', 'x 3 * * *', '0 3 * * x'])
    expect(cronSays(cron), cron).toBe(null);
  expect(scheduleSays({ cron: '0 3 1 * 1', buffer: '1m' })).toBe('at 0 3 1 * 1 (cron, UTC)');
});

it('stretches have words', () => {
  expect(['24h', '36h', '7d', '1h', '1d12h', 'soon', ''].map(durationSays)).toEqual([
    '1 day',
    '36 hours',
    '7 days',
    '1 hour',
    '1 day 12 hours',
    'soon',
    '',
  ]);
  expect(
    [{ every: '24h' }, { every: '6h' }, { every: '1h' }, {}].map((s) => scheduleSays({ buffer: '', ...s })),
  ).toEqual(['every day', 'every 6 hours', 'every hour', 'again and again']);
});

it('a round reads what is new', () => {
  expect(windowSays({ every: '1h', buffer: '1m', first: '7d' })).toBe(
    'Each client reads what is new since its last round, the first time the last 7 days; up to 1 minute before its own clock.',
  );
  expect(windowSays({ every: '1h', buffer: '0s' })).toContain('the first time everything; up to its own clock.');
});

import { expect, it } from 'vitest';
import { isDay, limitsSay, sourceNames, today } from './monitoring';

it('limits have words', () => {
  expect(limitsSay({ cpu: '5%', rows_per_second: 1000, batch_wait: '5s' })).toBe(
    '5% of a processor, 1,000 rows/s, sent within 5s',
  );
  expect(limitsSay({ cpu: '0', rows_per_second: 0 })).toBe('any share of a processor, any number of rows');
});

it('a source without a name is its artifact', () => {
  expect(sourceNames('A', [{ name: '' }, { name: 'B' }])).toEqual(['A', 'A/B']);
  expect(sourceNames('A', [])).toEqual(['A']);
});

it('days are of UTC', () => {
  expect(today(Date.UTC(2026, 10, 22, 23, 59))).toBe('2026-11-22');
  expect(['2026-11-22', '2026-13-01', 'yesterday', undefined].map(isDay)).toEqual([true, false, false, false]);
});

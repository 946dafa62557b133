import { expect, it } from 'vitest';
import { dutySays, signSays } from './nodes';

it('a sign of life is good for a while', () => {
  expect(signSays(120)).toEqual({ tone: 'good', text: 'just now' });
  expect(signSays(3_400)).toEqual({ tone: 'good', text: '3.4 s ago' });
  expect(signSays(75_000)).toEqual({ tone: 'wait', text: '1 min 15 s ago' });
});

it('a duty of a newer server has no words, and does no harm', () => {
  expect(dutySays('janitor')).toContain('forgets');
  expect(dutySays('brewer')).toBe('');
});

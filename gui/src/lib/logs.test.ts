import { describe, expect, it } from 'vitest';
import { lagText, moved, newest, positionText, tickText, ticksOf, toggled, valuesOf, zoomed } from './logs';

describe('a lag', () => {
  it.each([
    [null, '–'],
    [0, '0 ms'],
    [5_000, '5 s'],
    [310_000, '5 min 10 s'],
    [3_600_000, '1 h'],
    [183_600_000, '2 d 3 h'],
  ])('of %s is %s', (ms, text) => expect(lagText(ms)).toBe(text));
});

describe('a stretch of a timeline', () => {
  const stretch = { from: 0, to: 100_000_000 };
  it('keeps the point it is zoomed around', () => {
    expect(zoomed(stretch, 0.5, 0.25, 'event_time')).toEqual({ from: 12_500_000, to: 62_500_000 });
    expect(zoomed(stretch, 2, 0.5, 'event_time')).toEqual({ from: -50_000_000, to: 150_000_000 });
  });
  it('is never narrower than a second, or ten rows', () => {
    const tiny = zoomed({ from: 0, to: 2_000_000 }, 0.001, 0, 'event_time');
    expect(tiny.to - tiny.from).toBe(1_000_000);
    expect(zoomed({ from: 0, to: 20 }, 0.001, 0, 'cursor').to).toBe(10);
  });
  it('moves by a share of itself', () => expect(moved(stretch, -0.5)).toEqual({ from: -50_000_000, to: 50_000_000 }));
  it('ends now, and does not begin long before the stream', () => {
    const line = { now: 10_000_000_000, planned_to: 9_000_000_000, t0: 9_500_000_000 };
    expect(newest(line, 3_600_000)).toEqual({ from: 9_500_000_000, to: 10_000_000_000 });
    expect(newest({ ...line, t0: 0 }, 60_000)).toEqual({ from: 9_940_000_000, to: 10_000_000_000 });
  });
  it('has some round steps', () => {
    const day = { from: 0, to: 86_400_000_000 };
    expect(ticksOf(day, 'event_time').map((t) => tickText(t, day, 'event_time'))).toEqual([
      '00:00',
      '06:00',
      '12:00',
      '18:00',
      '00:00',
    ]);
    expect(ticksOf({ from: 3, to: 47 }, 'cursor')).toEqual([10, 20, 30, 40]);
    expect(ticksOf({ from: 5, to: 5 }, 'cursor')).toEqual([]);
  });
});

it('a position is a moment or a number', () => {
  expect(positionText(1_500_000, 'event_time')).toBe('1970-01-01 00:00:01Z');
  expect(positionText(7, 'cursor')).toBe('7');
});

it('a list of values is toggled one by one', () => {
  expect(toggled(undefined, 'high')).toBe('high');
  expect(toggled('high', 'low')).toBe('high,low');
  expect(toggled('high,low', 'high')).toBe('low');
  expect(toggled('low', 'low')).toBeUndefined();
  expect(valuesOf('a,b')).toEqual(['a', 'b']);
});

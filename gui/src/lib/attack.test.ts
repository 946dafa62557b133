import { expect, it } from 'vitest';
import { matrix, TACTICS } from './attack';

it('every technique has a number and a name, once in each tactic', () => {
  expect(TACTICS).toHaveLength(14);
  for (const { techniques } of TACTICS) {
    for (const { id, name } of techniques) {
      expect(id).toMatch(/^T\d{4}$/);
      expect(name.length).toBeGreaterThan(2);
    }
    expect(new Set(techniques.map((t) => t.id)).size).toBe(techniques.length);
  }
});

it('sub-techniques count for their technique, unknown ones are not lost', () => {
  const found = matrix(
    [
      { value: 'T1059.001', count: 3 },
      { value: 't1059', count: 2 },
      { value: 'T1078', count: 1 },
      { value: 'T9999', count: 4 },
    ],
    false,
  );
  expect(found.map((c) => c.name)).toEqual([
    'Initial Access',
    'Execution',
    'Persistence',
    'Privilege Escalation',
    'Defense Evasion',
    'Other',
  ]);
  expect(found[1]!.cells.map((c) => [c.id, c.count, c.parts.length])).toEqual([['T1059', 5, 2]]);
  expect(found.at(-1)!.cells[0]!.count).toBe(4);
  expect(matrix([], false)).toEqual([]);
  expect(matrix([], true)).toHaveLength(14);
});

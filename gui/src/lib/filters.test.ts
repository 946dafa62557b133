import { describe, expect, it } from 'vitest';
import { queryText } from '../api/request';
import {
  readCondition,
  readConditions,
  withCondition,
  withoutCondition,
  writeConditions,
  type Condition,
} from './filters';

describe('conditions on rows', () => {
  const cases: [string, Condition | null][] = [
    ['User=root', { column: 'User', operator: '=', value: 'root' }],
    ['User!=root', { column: 'User', operator: '!=', value: 'root' }],
    ['Command~a=b', { column: 'Command', operator: '~', value: 'a=b' }],
    ['Size>100', { column: 'Size', operator: '>', value: '100' }],
    ['Size<100', { column: 'Size', operator: '<', value: '100' }],
    ['Empty=', { column: 'Empty', operator: '=', value: '' }],
    ['My Column~x', { column: 'My Column', operator: '~', value: 'x' }],
    ['=nothing', null],
    ['no operator', null],
    ['', null],
  ];
  it.each(cases)('reads %j', (line, wanted) => {
    expect(readCondition(line)).toEqual(wanted);
  });

  it('survives the way into the address and back', () => {
    const all: Condition[] = [
      { column: 'Path', operator: '~', value: '/tmp/ä & ?x=1#y' },
      { column: 'Size', operator: '>', value: '10' },
    ];
    const text = writeConditions(all)!;
    const back = new URLSearchParams(queryText({ filter: text })).get('filter')!;
    expect(readConditions(back)).toEqual(all);
  });

  it('does not take the same condition twice, and takes one out', () => {
    const one = withCondition(undefined, { column: 'User', operator: '=', value: 'root' });
    expect(withCondition(one, { column: 'User', operator: '=', value: 'root' })).toBe('User=root');
    const two = withCondition(one, { column: 'User', operator: '!=', value: 'tom' });
    expect(two).toBe('User=root\nUser!=tom');
    expect(withoutCondition(two, 0)).toBe('User!=tom');
    expect(withoutCondition(one, 0)).toBeUndefined();
  });

  it('turns line breaks in a value into a blank', () => {
    expect(withCondition(undefined, { column: 'A', operator: '=', value: 'x\n y' })).toBe('A=x y');
  });
});

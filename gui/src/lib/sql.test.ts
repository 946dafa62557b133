import { expect, it } from 'vitest';
import { StringStream } from '@codemirror/language';
import { roundSays, roundsQuery } from './rounds';
import { sqlExamples, sqlName, sqlStart, sqlToken } from './sql';

function tokens(...lines: string[]) {
  const state = sqlStart();
  return lines.flatMap((line) => {
    const stream = new StringStream(line, 2, 2);
    const out: string[] = [];
    while (!stream.eol()) {
      stream.start = stream.pos;
      const kind = sqlToken(stream, state);
      if (kind) out.push(`${kind}:${stream.current()}`);
    }
    return out;
  });
}

it('words, names, calls and texts have their classes', () => {
  expect(tokens(`SELECT "a ""b", count(*) FROM results WHERE x = 'it''s' -- why`)).toEqual([
    'keyword:SELECT',
    'variableName:"a ""b"',
    'operator:,',
    'variableName.function:count',
    'operator:(',
    'operator:*',
    'operator:)',
    'keyword:FROM',
    'variableName:results',
    'keyword:WHERE',
    'variableName:x',
    'operator:=',
    `string:'it''s'`,
    'comment:-- why',
  ]);
});

it('a comment and a text may go over lines', () => {
  expect(tokens('/* a', 'b */ 1', "'x", "y' 2")).toEqual([
    'comment:/* a',
    'comment:b */',
    'number:1',
    "string:'x",
    "string:y'",
    'number:2',
  ]);
});

it('names that SQL would misread are quoted', () => {
  expect(['Name', 'order', 'full name', 'a"b', '9x'].map(sqlName)).toEqual([
    'Name',
    '"order"',
    '"full name"',
    '"a""b"',
    '"9x"',
  ]);
  expect(sqlExamples(['group'])[1]!.text).toContain('GROUP BY "group"');
  expect(sqlExamples([])).toHaveLength(2);
});

it('rounds are asked for as the API wants them', () => {
  expect([undefined, '3', 'all', 'x', '0'].map(roundsQuery)).toEqual([{}, { round: 3 }, { all_rounds: true }, {}, {}]);
  expect([roundSays(undefined, 4), roundSays('2', 4), roundSays('all', 4)]).toEqual([
    'round 4',
    'round 2',
    'all rounds',
  ]);
});

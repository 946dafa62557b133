import { describe, expect, it } from 'vitest';
import { harmless, toCsv, toJsonl } from './download';
import { emptyHunt, huntYaml, stepOfProblem, tidy } from './draft';
import { timeFor, validDuration, validRate, validShare, validSize } from './pace';
import { fieldKind, given, isTrue, problemParameter, readList, timeField } from './parameters';
import { indexOfByte } from './spans';
import { ago, bytes, cellText, idKind, middle, millis, plural, shellWord, short, utc } from './text';

const check = <T, A extends unknown[]>(act: (...args: A) => T, cases: [...A, T][]) =>
  cases.forEach((line) => {
    const args = line.slice(0, -1) as unknown as A;
    expect(act(...args), JSON.stringify(args)).toEqual(line.at(-1));
  });

describe('how things are written', () => {
  it('writes numbers where there is little room', () => {
    check(short, [
      [0, '0'],
      [999, '999'],
      [1234, '1.2k'],
      [45_300, '45k'],
      [999_600, '1.0M'],
      [3_100_000, '3.1M'],
    ]);
    check(bytes, [
      [12, '12 B'],
      [2048, '2.0 KiB'],
      [5 * 1024 ** 3, '5.0 GiB'],
    ]);
    check(millis, [
      [80, '80 ms'],
      [5700, '5.7 s'],
      [75_000, '1 min 15 s'],
      [7_260_000, '2 h 1 min'],
    ]);
    check(
      (n: number) => plural(n, 'client'),
      [
        [1, '1 client'],
        [4212, '4,212 clients'],
      ],
    );
  });
  it('writes moments', () => {
    expect(utc('2026-11-22T01:02:03.456Z')).toBe('2026-11-22 01:02:03Z');
    expect(utc('not a time')).toBe('not a time');
    const now = Date.parse('2026-11-22T12:00:00Z');
    check(
      (t: string) => ago(t, now),
      [
        ['2026-11-22T11:59:30Z', '30 s ago'],
        ['2026-11-22T11:00:00Z', '1 hour ago'],
        ['2026-11-28T13:00:00Z', 'in 6 days'],
        ['2026-11-22T12:00:00Z', 'just now'],
      ],
    );
  });
  it('cuts the middle and keeps both ends', () => {
    expect(middle('/usr/lib/python3/dist-packages/thing.py', 20)).toBe('/usr/lib/pyt…hing.py');
    expect(middle('short', 20)).toBe('short');
    expect(middle('x'.repeat(500), 33)).toHaveLength(33);
  });
  it('writes any value on one line', () => {
    check(cellText, [
      [null, ''],
      ['a', 'a'],
      [0, '0'],
      [false, 'false'],
      [{ a: [1] }, '{"a":[1]}'],
    ]);
  });
  it('knows ids', () => {
    check(idKind, [
      ['C.634a187dc985518a', 'client'],
      [' H.01a200b45dd4 ', 'hunt'],
      ['F.01a200b45dd4', 'flow'],
      ['C.', null],
      ['web-1', null],
    ]);
  });
  it('quotes for the shell', () => {
    check(shellWord, [
      ['web-1', 'web-1'],
      ["it's", `'it'\\''s'`],
      ['$(x)', "'$(x)'"],
    ]);
  });
});

describe('places in texts', () => {
  it('finds the UTF-16 index of a byte', () => {
    const text = 'aä𝕏z';
    check(
      (n: number) => indexOfByte(text, n),
      [
        [0, 0],
        [1, 1],
        [2, 1],
        [3, 2],
        [7, 4],
        [8, 5],
        [99, 5],
      ],
    );
  });
});

describe('parameters', () => {
  const p = (part: object) => ({
    name: 'x',
    label: 'x',
    description: '',
    kind: 'string',
    default: '',
    choices: [],
    validating_regex: '',
    ...part,
  });
  it('choose their field', () => {
    check(
      (part: object) => fieldKind(p(part)),
      [
        [{ kind: 'bool' }, 'switch'],
        [{ kind: 'int64' }, 'number'],
        [{ kind: 'choices', choices: ['a'] }, 'choice'],
        [{ kind: 'timestamp' }, 'time'],
        [{ kind: 'csv' }, 'long'],
        [{ default: 'a\nb' }, 'long'],
        [{ kind: 'hidden' }, 'none'],
        [{}, 'text'],
      ],
    );
  });
  it('send only what differs', () => {
    expect(given({ x: 'a', y: 'b', z: 'c' }, [p({ default: 'a' }), p({ name: 'y', default: 'q' })])).toEqual({
      y: 'b',
    });
  });
  it('read their texts', () => {
    check(isTrue, [
      ['Y', true],
      ['true', true],
      ['ok', true],
      ['N', false],
      ['', false],
    ]);
    check(readList, [
      ['["a","b"]', ['a', 'b']],
      ['{}', []],
      ['x', []],
    ]);
    check(timeField, [
      ['', ''],
      ['2026-11-22T01:02:03Z', '2026-11-22T01:02:03'],
      ['0', '1970-01-01T00:00:00'],
      ['soon', ''],
    ]);
  });
  it('find what a problem is about', () => {
    check(
      (f: string) => problemParameter(f, ['glob', 'a.b']),
      [
        ['artifacts[0].parameters.glob', 'glob'],
        ['parameters.a.b', 'a.b'],
        ['glob', 'glob'],
        ['name', null],
      ],
    );
  });
});

describe('pace', () => {
  it('catches slips', () => {
    check(validRate, [
      ['20/min', true],
      ['unlimited', true],
      ['100/h', true],
      ['0/min', false],
      ['fast', false],
    ]);
    check(validDuration, [
      ['7d', true],
      ['1h30m', true],
      ['0s', true],
      ['7', false],
      ['', false],
    ]);
    check(validSize, [
      ['1GiB', true],
      ['0', true],
      ['500MB', true],
      ['big', false],
    ]);
    check(validShare, [
      ['0', true],
      ['50%', true],
      ['100%', true],
      ['150%', false],
    ]);
  });
  it('says how long it takes', () => {
    check(timeFor, [
      [4212, '100/min', 'about 43 minutes'],
      [10, '20/min', 'about a minute'],
      [50_000, '100/h', 'about 21 days'],
      [5, 'unlimited', ''],
    ]);
  });
});

describe('a hunt in the making', () => {
  it('leaves out what says nothing', () => {
    const draft = {
      ...emptyHunt(),
      name: ' cron ',
      artifacts: [{ name: 'A', parameters: {} }],
      condition: { server: ' ', include: { labels: [], os: 'any' } },
    };
    expect(tidy(draft)).toEqual({ name: 'cron', artifacts: [{ name: 'A' }], rate: '100/min', expires: '7d' });
  });
  it('writes itself as YAML', () => {
    const text = huntYaml({
      name: 'yes',
      artifacts: [{ name: 'Linux.Sys.Crontab', parameters: { glob: '/etc/cron*/*', other: '"quoted"' } }],
      condition: { server: "SELECT * FROM rows\nWHERE OS = 'linux'", include: { labels: ['prod', '12'] } },
      limits: { clients: 5 },
    });
    expect(text).toBe(`name: "yes"
artifacts:
  - name: Linux.Sys.Crontab
    parameters:
      glob: /etc/cron*/*
      other: "\\"quoted\\""
condition:
  server: |-
    SELECT * FROM rows
    WHERE OS = 'linux'
  include:
    labels:
      - prod
      - "12"
limits:
  clients: 5
`);
  });
  it('knows the step of a problem', () => {
    check(stepOfProblem, [
      ['artifacts[1].parameters.x', 'collect'],
      ['condition.server', 'target'],
      ['limits.running', 'pace'],
      ['name', null],
    ]);
  });
});

describe('downloads', () => {
  it('keep a spreadsheet from running what a client wrote', () => {
    check(harmless, [
      ['=1+1', "'=1+1"],
      ['@x', "'@x"],
      ['-cmd', "'-cmd"],
      ['-5', '-5'],
      ['plain', 'plain'],
    ]);
  });
  it('write CSV and JSON lines', () => {
    const row = {
      client: 'C.1',
      hostname: 'h',
      flow: 'F.1',
      source: 'S',
      stored: 't',
      row: { A: 'x,"y"', B: { c: 1 } },
    };
    expect(toCsv([row], ['A', 'B'])).toBe(
      '_client,_hostname,_flow,_source,_stored,A,B\r\nC.1,h,F.1,S,t,"x,""y""","{""c"":1}"\r\n',
    );
    expect(JSON.parse(toJsonl([row]))).toEqual({
      _client: 'C.1',
      _hostname: 'h',
      _flow: 'F.1',
      _source: 'S',
      _stored: 't',
      A: 'x,"y"',
      B: { c: 1 },
    });
  });
});

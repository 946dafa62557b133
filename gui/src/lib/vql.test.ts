import { StringStream } from '@codemirror/language';
import { describe, expect, it } from 'vitest';
import { startState, token } from './vql';

/** The tokens of a text as `class:text`, blanks and unclassed marks left out. */
function check(text: string): string[] {
  const state = startState();
  const out: string[] = [];
  for (const line of text.split('\n')) {
    const stream = new StringStream(line, 2, 2);
    while (!stream.eol()) {
      stream.start = stream.pos;
      const name = token(stream, state);
      expect(stream.pos, `no progress in ${JSON.stringify(line)} at ${stream.start}`).toBeGreaterThan(stream.start);
      if (name) out.push(`${name}:${stream.current()}`);
    }
  }
  return out;
}

describe('the words of VQL', () => {
  it('knows keywords in any case, and pairs', () => {
    expect(check('select x FROM y() Group  By x ORDER BY z DESC LIMIT 5')).toEqual([
      'keyword:select',
      'variableName:x',
      'keyword:FROM',
      'variableName.function:y',
      'keyword:Group  By',
      'variableName:x',
      'keyword:ORDER BY',
      'variableName:z',
      'keyword:DESC',
      'keyword:LIMIT',
      'number:5',
    ]);
  });

  it('does not find keywords inside names', () => {
    expect(check('selected information')).toEqual(['variableName:selected', 'variableName:information']);
  });

  it('tells arguments from comparisons', () => {
    expect(check('glob(globs=x)')).toEqual([
      'variableName.function:glob',
      'propertyName:globs',
      'operator:=',
      'variableName:x',
    ]);
    expect(check("WHERE OS = 'linux'")).toEqual(['keyword:WHERE', 'variableName:OS', 'operator:=', "string:'linux'"]);
    expect(check('x =~ y')).toEqual(['variableName:x', 'operator:=~', 'variableName:y']);
  });

  it('takes comments of all three kinds, also over lines', () => {
    expect(check('1 -- rest\n// rest')).toEqual(['number:1', 'comment:-- rest', 'comment:// rest']);
    expect(check('a /* b\n c */ d')).toEqual(['variableName:a', 'comment:/* b', 'comment: c */', 'variableName:d']);
    expect(check('1--2')).toEqual(['number:1', 'comment:--2']);
  });

  it('takes strings with escapes, over lines, and raw ones', () => {
    expect(check(`"a\\"b" 'c'`)).toEqual([`string:"a\\"b"`, `string:'c'`]);
    expect(check(`'''raw ' "\nmore''' x`)).toEqual([`string:'''raw ' "`, `string:more'''`, 'variableName:x']);
    expect(check(`"open\nclosed" y`)).toEqual(['string:"open', 'string:closed"', 'variableName:y']);
  });

  it('takes numbers with their sign, and names in backticks', () => {
    expect(check('-5 0xFF 1.5e-3 `a b`')).toEqual(['number:-5', 'number:0xFF', 'number:1.5e-3', 'variableName:`a b`']);
  });

  it('always goes forward, whatever it is given', () => {
    const marks = [
      '\\',
      '"',
      "'",
      "'''",
      '`',
      '/*',
      '*/',
      '--',
      'é',
      '𝕏',
      '#',
      '$',
      '(',
      ')',
      '=',
      ' ',
      '\n',
      'x',
      '1',
      '-',
    ];
    for (let seed = 0; seed < 800; seed++) {
      let text = '';
      for (let i = 0, s = seed; i < 9; i++, s = (s * 48271 + 11) % 2147483647) text += marks[s % marks.length];
      check(text);
    }
  });
});

import { expect, it } from 'vitest';
import { yamlLines } from './yaml';

const kinds = (text: string) =>
  yamlLines(text).map((line) => line.filter(([, t]) => t.trim()).map(([k, t]) => `${k} ${t}`));

it('keys, texts, numbers and comments are told apart', () => {
  expect(kinds('rule: susp-whoami # mine\nevery: 10m')).toEqual([
    ['key rule', 'text :', 'text susp-whoami', 'comment # mine'],
    ['key every', 'text :', 'number 10m'],
  ]);
});
it('the text of a block is not read', () => {
  expect(kinds('query: |\n  SELECT a: b\n\n  WHERE x\nseverity: low')).toEqual([
    ['key query', 'text :', 'mark |'],
    ['string   SELECT a: b'],
    [],
    ['string   WHERE x'],
    ['key severity', 'text :', 'text low'],
  ]);
});
it('nothing of the text is lost', () => {
  const text = "a: [\"x, y\", 'it''s', {b: 2}]\n- c: \"open\n\u00e9: !tag *x";
  expect(
    yamlLines(text)
      .map((line) => line.map(([, t]) => t).join(''))
      .join('\n'),
  ).toBe(text);
});

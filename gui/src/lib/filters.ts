// Conditions on rows: their written form is the API's and the URL's (`Column=text`, one a line).

export type Operator = '=' | '!=' | '~' | '>' | '<';
export interface Condition {
  column: string;
  operator: Operator;
  value: string;
}

export const OPERATORS: { operator: Operator; label: string }[] = [
  { operator: '~', label: 'has inside' },
  { operator: '=', label: 'is' },
  { operator: '!=', label: 'is not' },
  { operator: '>', label: 'is above' },
  { operator: '<', label: 'is below' },
];

/** Reads one line; the first operator after at least one character of a name divides it. */
export function readCondition(line: string): Condition | null {
  for (let at = 1; at < line.length; at++) {
    const two = line.slice(at, at + 2);
    if (two === '!=') return { column: line.slice(0, at), operator: '!=', value: line.slice(at + 2) };
    const sign = line[at]!;
    if (sign === '=' || sign === '~' || sign === '>' || sign === '<') {
      return { column: line.slice(0, at), operator: sign, value: line.slice(at + 1) };
    }
  }
  return null;
}

export function readConditions(text: string | undefined): Condition[] {
  return (text ?? '')
    .split('\n')
    .map(readCondition)
    .filter((c): c is Condition => c !== null);
}

/** A value cannot hold a line break in this form: it becomes a blank. */
export const writeCondition = (c: Condition) => `${c.column}${c.operator}${c.value.replace(/\s*\n\s*/g, ' ')}`;

export function writeConditions(conditions: Condition[]): string | undefined {
  return conditions.length ? conditions.map(writeCondition).join('\n') : undefined;
}

export function withCondition(text: string | undefined, condition: Condition): string | undefined {
  const line = writeCondition(condition);
  const all = readConditions(text);
  return all.some((c) => writeCondition(c) === line) ? text : writeConditions([...all, condition]);
}

export function withoutCondition(text: string | undefined, index: number): string | undefined {
  return writeConditions(readConditions(text).filter((_, i) => i !== index));
}

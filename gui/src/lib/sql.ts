// SQL over rows of results: its words for the editor's colours, names as it wants them, questions to begin with.
// Not here: whether a text is right. That is the server's `POST …/results/sql`.

import type { Stream } from './vql';

export const SQL_WORDS = [
  'SELECT',
  'DISTINCT',
  'FROM',
  'WHERE',
  'AND',
  'OR',
  'NOT',
  'IN',
  'IS',
  'NULL',
  'LIKE',
  'ILIKE',
  'BETWEEN',
  'GROUP BY',
  'HAVING',
  'ORDER BY',
  'ASC',
  'DESC',
  'LIMIT',
  'OFFSET',
  'AS',
  'WITH',
  'JOIN',
  'LEFT',
  'ON',
  'USING',
  'UNION',
  'ALL',
  'CASE',
  'WHEN',
  'THEN',
  'ELSE',
  'END',
  'OVER',
  'PARTITION BY',
];
export const SQL_CALLS = ['count', 'sum', 'avg', 'min', 'max', 'lower', 'upper', 'length', 'coalesce', 'regexp_like'];

/** What every row has beside its own columns. */
export const SQL_ORIGIN = ['_client', '_hostname', '_flow', '_source', '_stored', '_json'];

const KEYWORDS = new Set(SQL_WORDS.flatMap((words) => words.toLowerCase().split(' ')));

export interface SqlState {
  inside: null | 'comment' | "'" | '"';
}
export const sqlStart = (): SqlState => ({ inside: null });

function rest(stream: Stream, state: SqlState): string {
  if (state.inside === 'comment') {
    if (stream.match(/^.*?\*\//)) state.inside = null;
    else stream.skipToEnd();
    return 'comment';
  }
  const quote = state.inside;
  while (!stream.eol()) {
    if (stream.next() !== quote) continue;
    // A doubled quote is one inside the text.
    if (stream.match(quote!)) continue;
    state.inside = null;
    break;
  }
  return quote === "'" ? 'string' : 'variableName';
}

/** Takes one token and says its class, or null for blanks. */
export function sqlToken(stream: Stream, state: SqlState): string | null {
  if (state.inside) return rest(stream, state);
  if (stream.eatSpace()) return null;
  if (stream.match('--')) {
    stream.skipToEnd();
    return 'comment';
  }
  for (const [mark, inside] of [
    ['/*', 'comment'],
    ["'", "'"],
    ['"', '"'],
  ] as const) {
    if (stream.match(mark)) {
      state.inside = inside;
      return rest(stream, state);
    }
  }
  if (stream.match(/^\d+(\.\d+)?(e[+-]?\d+)?/i)) return 'number';
  if (stream.match(/^[A-Za-z_]\w*(?=\s*\()/)) return 'variableName.function';
  const word = stream.match(/^[A-Za-z_]\w*/) as RegExpMatchArray | null;
  if (word) return KEYWORDS.has(word[0].toLowerCase()) ? 'keyword' : 'variableName';
  stream.next();
  return 'operator';
}

/** A column's name as SQL takes it. */
export const sqlName = (name: string) =>
  /^[A-Za-z_]\w*$/.test(name) && !KEYWORDS.has(name.toLowerCase()) ? name : `"${name.replaceAll('"', '""')}"`;

export const FIRST_SQL =
  'SELECT _hostname, count(*) AS n\nFROM results\nGROUP BY _hostname\nORDER BY n DESC\nLIMIT 100';

/** Questions that fit these columns, to begin with. */
export function sqlExamples(columns: string[]): { label: string; text: string }[] {
  const column = columns[0];
  const out = [{ label: 'Rows by client', text: FIRST_SQL }];
  if (column) {
    const name = sqlName(column);
    out.push(
      {
        label: `Rare values of ${column}`,
        text: `SELECT ${name}, count(*) AS n, count(DISTINCT _client) AS clients\nFROM results\nGROUP BY ${name}\nORDER BY clients, n\nLIMIT 100`,
      },
      {
        label: `Clients without any ${column}`,
        text: `SELECT _hostname, count(*) AS n\nFROM results\nWHERE ${name} IS NULL\nGROUP BY _hostname\nORDER BY n DESC\nLIMIT 100`,
      },
    );
  }
  out.push({
    label: 'The newest rows, whole',
    text: 'SELECT _stored, _hostname, _json\nFROM results\nORDER BY _stored DESC\nLIMIT 100',
  });
  return out;
}

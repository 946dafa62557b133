// How the mock filters, sorts, pages and checks: enough to look like the server.

export function pageOf(items, q) {
  const offset = Number(q.offset ?? 0);
  const limit = Math.min(1000, Number(q.limit ?? 50));
  return { items: items.slice(offset, offset + limit), total: items.length };
}

const textOf = (value) =>
  value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
const FIXED = { _client: 'client', _hostname: 'hostname', _flow: 'flow', _source: 'source', _stored: 'stored' };
const valueOf = (row, column) => (column in FIXED ? row[FIXED[column]] : row.row[column]);
const before = (a, b) =>
  typeof a === 'number' && typeof b === 'number' ? a - b : textOf(a) < textOf(b) ? -1 : textOf(a) > textOf(b) ? 1 : 0;

function passes(row, line) {
  const found = /^([^=~<>!]+)(!=|=|~|>|<)(.*)$/.exec(line);
  if (!found) return true;
  const [, column, operator, wanted] = found;
  const value = valueOf(row, column);
  const text = textOf(value);
  if (operator === '=') return text === wanted;
  if (operator === '!=') return text !== wanted;
  if (operator === '~') return text.toLowerCase().includes(wanted.toLowerCase());
  const order =
    typeof value === 'number' && wanted !== '' ? value - Number(wanted) : text < wanted ? -1 : text > wanted ? 1 : 0;
  return operator === '>' ? order > 0 : order < 0;
}

export function filterRows(rows, q) {
  let found = rows;
  if (q.source) found = found.filter((r) => r.source === q.source);
  for (const line of (q.filter ?? '').split('\n').filter(Boolean)) found = found.filter((r) => passes(r, line));
  if (q.search) {
    const text = q.search.toLowerCase();
    found = found.filter(
      (r) => r.hostname.includes(text) || Object.values(r.row).some((v) => textOf(v).toLowerCase().includes(text)),
    );
  }
  return found;
}

export function sortBy(rows, q) {
  if (!q.sort) return rows;
  const sign = q.desc === 'true' ? -1 : 1;
  return [...rows].sort((a, b) => sign * before(valueOf(a, q.sort), valueOf(b, q.sort)));
}

const problem = (field, message, hint = '', more = {}) => ({
  field,
  severity: 'error',
  message,
  hint,
  start: null,
  end: null,
  line: null,
  column: null,
  ...more,
});

export function checkArtifactCall(artifacts, call) {
  const artifact = artifacts.find((a) => a.name === call.name);
  if (!artifact) return [problem('name', `artifact \`${call.name}\` does not exist`)];
  return Object.entries(call.parameters ?? {}).flatMap(([name, value]) => {
    const p = artifact.parameters.find((x) => x.name === name);
    const at = `parameters.${name}`;
    if (!p) return [problem(at, `unknown parameter \`${name}\``)];
    if (p.kind === 'int' && !/^-?\d+$/.test(value))
      return [problem(at, `\`${value}\` is not a whole number`, 'Such as 42')];
    if (p.kind === 'json') {
      try {
        JSON.parse(value);
      } catch {
        return [problem(at, 'this is not JSON')];
      }
    }
    if (p.kind === 'regex') {
      try {
        new RegExp(value.replace(/^\(\?[a-z]+\)/, ''));
      } catch {
        return [problem(at, 'this is not a regular expression', 'A backslash makes ( literal')];
      }
    }
    return [];
  });
}

export function checkVql(text, kind) {
  const start = text.search(/\S/);
  const word = /^\w+/.exec(text.slice(start))?.[0] ?? text[start] ?? '';
  const lines = text.slice(0, start).split('\n').length;
  if (!/^(select|let|explain|--|\/\/|\/\*)/i.test(text.slice(start))) {
    return [
      problem('', 'expected `SELECT`, `LET` or `EXPLAIN`', 'A query begins with one of these words', {
        start,
        end: start + word.length,
        line: lines,
        column: 1,
      }),
    ];
  }
  const open = (text.match(/\(/g) ?? []).length - (text.match(/\)/g) ?? []).length;
  if (open > 0)
    return [
      problem('', 'a parenthesis is not closed', 'Add `)`', {
        start: Buffer.byteLength(text),
        end: Buffer.byteLength(text),
        line: text.split('\n').length,
        column: text.split('\n').at(-1).length + 1,
      }),
    ];
  const banned = /\b(execve|glob|http_client|upload)\s*\(/.exec(text);
  if (kind === 'server_condition' && banned) {
    const at = Buffer.byteLength(text.slice(0, banned.index));
    return [
      problem(
        '',
        `\`${banned[1]}\` needs a permission, which a condition does not have`,
        'Collect it on the client instead',
        { start: at, end: at + banned[1].length, line: text.slice(0, banned.index).split('\n').length, column: 1 },
      ),
    ];
  }
  return [];
}

const NAMES = [
  { text: 'info', kind: 'plugin', detail: 'info()', doc: 'The machine as a whole, in one row.' },
  { text: 'glob', kind: 'plugin', detail: 'glob(globs, [accessor])', doc: 'Finds files by patterns.' },
  { text: 'rows', kind: 'variable', detail: '', doc: '' },
  { text: 'client', kind: 'variable', detail: '', doc: '' },
];
const ARGUMENTS = [
  { text: 'globs', kind: 'argument', detail: 'list of paths, required', doc: 'The patterns.' },
  { text: 'accessor', kind: 'argument', detail: 'text', doc: 'What the files are read through.' },
];

/** A rough idea of completion: arguments behind a parenthesis, names elsewhere. ASCII only. */
export function completeVql(text, at) {
  const word = /\w*$/.exec(text.slice(0, at))[0];
  const known = /\(\s*\w*$/.test(text.slice(0, at)) ? ARGUMENTS : NAMES;
  return { from: at - word.length, to: at, offers: known.filter((x) => x.text.startsWith(word)) };
}

// Questions over rows in the mock: rounds, SQL, whole tables, and a hunt with more rows than anybody would keep.

import { filterRows, pageOf, sortBy } from './answers.mjs';
import { facets } from './targeting.mjs';

export const WIDE_ROWS = 10_000_000;
const WIDE_COLUMNS = ['Name', 'Pid', 'CommandLine'];
const NAMES = ['systemd', 'sshd', 'nginx', 'java', 'python3', 'cron', 'xmrig'];

/** The row at a place of a table that nobody keeps. */
function wideRow(hunt, clients, i) {
  const client = clients[Math.floor((i / WIDE_ROWS) * clients.length)];
  const name = i % 100_003 === 0 ? 'xmrig' : NAMES[i % 6];
  return {
    client: client.id,
    hostname: client.hostname,
    flow: `F.01jd00000000000${(i % 4000).toString(16).padStart(6, '0')}`,
    source: hunt.sourceNames()[0],
    stored: new Date(1_795_000_000_000 + i).toISOString(),
    round: 1,
    row: { Name: name, Pid: (i * 7919) % 65_536, CommandLine: `/usr/sbin/${name} --worker ${i}` },
  };
}

function widePage(hunt, clients, q) {
  const offset = Number(q.offset ?? 0);
  const limit = Math.min(1000, Number(q.limit ?? 50));
  // Every filter leaves the same share: enough to see that one is there.
  const total = q.filter || q.search ? 100 : WIDE_ROWS;
  const step = total === WIDE_ROWS ? 1 : 100_003;
  const items = Array.from({ length: Math.max(0, Math.min(limit, total - offset)) }, (_, i) =>
    wideRow(hunt, clients, (offset + i) * step),
  );
  return { items, total };
}

const wideFacets = ({ order = 'rows' }) => {
  const values = NAMES.map((value, i) => ({
    value,
    number: false,
    rows: value === 'xmrig' ? 100 : 1_666_650 - i,
    clients: value === 'xmrig' ? 3 : 4000 - i,
  }));
  return { values: order.startsWith('rare') ? values.reverse() : values, distinct: values.length, rows: WIDE_ROWS };
};

const column = (row, name) =>
  ({ _client: row.client, _hostname: row.hostname, _flow: row.flow, _source: row.source, _stored: row.stored })[name] ??
  (name === '_json' ? JSON.stringify(row.row) : row.row[name]);

/** A little of SQL: columns, one count, one group. */
function sql(rows, { query, limit = 1000 }, refuse) {
  const text = query.replaceAll(/\s+/g, ' ').trim();
  if (!/^select /i.test(text))
    refuse({ status: 400, message: 'only one SELECT can be asked', hint: 'begin with SELECT' });
  const table = / from (\w+)/i.exec(text)?.[1];
  if (table !== 'results')
    refuse({ status: 400, message: `table \`${table ?? ''}\` not found`, hint: 'the rows are the table `results`' });
  const known = new Set([
    '_client',
    '_hostname',
    '_flow',
    '_source',
    '_stored',
    '_json',
    ...Object.keys(rows[0]?.row ?? {}),
  ]);
  const group = / group by ("?)([\w ]+?)\1( |$)/i.exec(text)?.[2];
  const wanted = group
    ? [group]
    : /^select (.*?) from/i
        .exec(text)[1]
        .split(',')
        .map((name) => name.trim().replace(/^"(.*)"$/, '$1'));
  const strange = wanted.find((name) => name !== '*' && !known.has(name));
  if (strange)
    refuse({ status: 400, message: `no column is called \`${strange}\``, hint: `there are ${[...known].join(', ')}` });
  if (group) {
    const counts = new Map();
    for (const row of rows) counts.set(column(row, group), (counts.get(column(row, group)) ?? 0) + 1);
    const out = [...counts].map(([value, n]) => ({ [group]: value ?? null, n })).sort((a, b) => b.n - a.n);
    return { columns: [group, 'n'], rows: out.slice(0, limit), truncated: out.length > limit };
  }
  const columns = wanted.includes('*') ? [...known].filter((name) => name !== '_json') : wanted;
  const out = rows
    .slice(0, limit)
    .map((row) => Object.fromEntries(columns.map((name) => [name, column(row, name) ?? null])));
  return { columns, rows: out, truncated: rows.length > limit };
}

/** The rows of a hunt's round; older ones are fewer. */
export function roundRows(hunt, q) {
  if (q.all_rounds === 'true' || q.all_rounds === true) return hunt.rows.map((row) => ({ ...row, round: hunt.round }));
  const round = Number(q.round ?? hunt.round);
  return round === hunt.round ? hunt.rows : hunt.rows.filter((_, i) => i % (round + 1) === 0);
}

export function tableRoutes(world, { refuse, find, flowOf }) {
  const rowsOf = (kind, id, q) => (kind === 'hunts' ? roundRows(find(id), q) : flowOf(id).rowsKept);
  const both = (method, path, act) =>
    ['hunts', 'flows'].map((kind) => [method, `${kind}/:id/${path}`, ([id], q, body) => act(kind, id, q, body)]);
  const wide = (kind, id) => kind === 'hunts' && find(id).wide;
  return [
    ...both('GET', 'results/facets', (kind, id, q) =>
      wide(kind, id) ? wideFacets(q) : facets(filterRows(rowsOf(kind, id, q), q), q),
    ),
    ...both('POST', 'results/sql', (kind, id, _, body) =>
      sql(filterRows(rowsOf(kind, id, body), { source: body.source }), body, refuse),
    ),
    ...both('GET', 'results', (kind, id, q) =>
      wide(kind, id) ? widePage(find(id), world.clients, q) : pageOf(sortBy(filterRows(rowsOf(kind, id, q), q), q), q),
    ),
    [
      'GET',
      'hunts/:id/sources',
      ([id], q) => {
        const hunt = find(id);
        if (hunt.wide) return [{ source: hunt.sourceNames()[0], rows: WIDE_ROWS, columns: WIDE_COLUMNS }];
        const rows = roundRows(hunt, q);
        return hunt.sources().map((one) => ({ ...one, rows: rows.filter((row) => row.source === one.source).length }));
      },
    ],
  ];
}

/** The whole table as a file. */
export function table(rows, { format = 'ndjson', source }) {
  const shown = source ? rows.filter((row) => row.source === source) : rows;
  if (format === 'parquet') return Buffer.from('PAR1 made up PAR1');
  if (format === 'csv')
    return ['_client,_hostname,_source', ...shown.map((r) => [r.client, r.hostname, r.source].join(','))].join('\r\n');
  return shown.map((r) => `${JSON.stringify({ ...r.row, _client: r.client, _source: r.source })}\n`).join('');
}

/** A hunt of ten million rows. */
export function makeWide(world) {
  const hunt = world.addHunt({
    name: 'Every process everywhere',
    artifacts: [{ name: 'Linux.Sys.Pslist', parameters: {} }],
  });
  hunt.act('start');
  hunt.toAsk = [];
  hunt.wide = true;
  hunt.finish('completed', 'client_limit', 'anna');
  Object.assign(hunt.counts, { results: 18_000, refused: 212 });
  return hunt;
}

// Hunts of the mock beyond asking: cohorts, lists of clients, members by hand, tags, copies, rounds and what changed.

import { pageOf } from './answers.mjs';
import { ZERO } from './hunts.mjs';

const tally = (clients, names) => {
  const counts = new Map();
  for (const c of clients) {
    for (const name of names(c)) {
      const one = counts.get(name) ?? { name, clients: 0, online: 0 };
      one.clients += 1;
      one.online += c.online ? 1 : 0;
      counts.set(name, one);
    }
  }
  return [...counts.values()].sort((a, b) => b.clients - a.clients);
};

/** What a hunt would do, and to whom. */
export function cohort(world, all, asked, spec, problems) {
  const left = all.filter((c) => !asked.includes(c));
  const step = Math.max(1, Math.floor(asked.length / 8));
  const per = /^(\d+)\/min$/.exec(spec.rate ?? '')?.[1];
  const minutes = (n) => (per ? `${Math.max(1, Math.ceil(n / Number(per)))}m` : '0');
  const why = (c) =>
    spec.condition?.exclude?.labels?.some((l) => c.labels.includes(l)) ? 'excluded label' : 'not among those included';
  return {
    asked: asked.length,
    online: asked.filter((c) => c.online).length,
    recent: asked.filter((c) => c.online || c.last_seen > new Date(Date.now() - 7 * 86_400_000).toISOString()).length,
    excluded: left.length,
    excluded_by: tally(left, (c) => [why(c)]),
    systems: tally(asked, (c) => [c.os]),
    labels: tally(asked, (c) => c.labels),
    sample: asked
      .filter((_, i) => i % step === 0)
      .slice(0, 8)
      .map((c) => ({
        id: c.id,
        hostname: c.hostname,
        os: c.os,
        labels: c.labels,
        online: c.online,
        last_seen: c.last_seen,
      })),
    duration_online: minutes(asked.filter((c) => c.online).length),
    duration_all: minutes(asked.length),
    unknown: spec.condition?.server ? ['Who of them matches is decided by the condition when they answer.'] : [],
    problems,
  };
}

/** Names of a list, and who they are. */
function resolve(world, text, column) {
  const lines = text.split('\n').map((line) => line.trim());
  const cells = lines.map((line) => line.split(/[,;\t]/).map((cell) => cell.trim().replace(/^"|"$/g, '')));
  const heads = cells[0].map((h) => h.toLowerCase());
  const wanted = ['client_id', 'fqdn', 'hostname', 'host', 'computername', 'name'];
  let at = column ? cells[0].indexOf(column) : heads.findIndex((h) => wanted.includes(h));
  const table = at >= 0;
  if (!table) at = -1;
  const names = [];
  cells.slice(table ? 1 : 0).forEach((row, i) => {
    const line = i + (table ? 2 : 1);
    (table ? [row[at]] : row).filter(Boolean).forEach((name) => names.push({ line, name }));
  });
  const clients = [];
  const problems = [];
  for (const { line, name } of names) {
    const found = world.clients.filter(
      (c) => c.id === name || [c.hostname, c.fqdn].some((n) => n?.toLowerCase() === name.toLowerCase()),
    );
    if (found.length === 1) clients.push({ name, client: found[0].id });
    else
      problems.push({
        field: '',
        line,
        severity: 'error',
        message: found.length ? `several clients are called \`${name}\`` : `no client is called \`${name}\``,
        hint: found.length ? 'write its id' : '',
      });
  }
  return { clients, problems };
}

/** Differences between two rounds, made of the rows that there are. */
export function differences(hunt, { before, after }) {
  if (before === after) return [];
  return hunt.rows.slice(0, 40).map((row, i) => {
    const change = ['new', 'gone', 'changed'][i % 3];
    const [first] = Object.keys(row.row);
    return {
      change,
      client: row.client,
      hostname: row.hostname,
      source: row.source,
      row: row.row,
      ...(change === 'changed' && { was: { [first]: `${row.row[first]} (before)` } }),
    };
  });
}

export function huntRoutes(world, { refuse, find, flowOf }) {
  const touched = (hunt) => {
    world.changed.hunts.add(hunt.id);
    return hunt.view();
  };
  const copied = (from, revision, spec, { name, start }) => {
    const made = world.addHunt({ ...structuredClone(spec), name: name ?? spec.name, start: false });
    Object.assign(made, { copied_from: from, copied_revision: revision });
    if (start) made.act('start');
    return made.view();
  };
  const byHand = (id, body, act) => {
    const hunt = find(id);
    const items = (body.clients ?? []).map((client) => {
      const c = world.byId.get(client);
      const [outcome, explanation] = c ? act(hunt, c) : ['unknown', 'no client has this id'];
      return { client, hostname: c?.hostname ?? '', outcome, explanation };
    });
    world.note('hunt.members', id, `${items.length} by hand`);
    world.changed.hunts.add(id);
    return { items, changed: items.filter((one) => ['queued', 'removed'].includes(one.outcome)).length };
  };
  return [
    ['POST', 'clients/resolve', (_, __, body) => resolve(world, body.text, body.column)],
    [
      'POST',
      'hunts/:id/members/add',
      ([id], _, body) =>
        byHand(id, body, (hunt, c) => {
          const member = hunt.members.get(c.id);
          if (member && member.state !== 'refused') return ['stays', `it is ${member.state} already`];
          hunt.move(c, 'pending', 'put in by admin');
          return ['queued', 'it begins within the rate'];
        }),
    ],
    [
      'POST',
      'hunts/:id/members/remove',
      ([id], _, body) =>
        byHand(id, body, (hunt, c) => {
          if (hunt.members.get(c.id)?.state !== 'pending') return ['stays', 'it does not wait'];
          hunt.move(c, 'cancelled', 'taken out by admin');
          return ['removed', 'it is not asked any more'];
        }),
    ],
    [
      'POST',
      'hunts/:id/tags',
      ([id], _, { add = [], remove = [] }) => {
        const hunt = find(id);
        const kept = (hunt.spec.tags ?? []).filter((tag) => !remove.includes(tag));
        hunt.spec.tags = [...new Set([...kept, ...add])];
        return touched(hunt);
      },
    ],
    ['POST', 'hunts/:id/copy', ([id], _, body) => copied(id, find(id).revision, find(id).spec, body)],
    [
      'POST',
      'flows/:id/hunt',
      ([id], _, body) => {
        const flow = flowOf(id);
        const name = flow.artifacts.map((a) => a.name).join(', ');
        return copied(id, null, { name, artifacts: flow.artifacts, condition: {}, limits: {} }, body);
      },
    ],
    [
      'POST',
      'hunts/:id/delete',
      ([id]) => {
        const hunt = find(id);
        if (!['draft', 'stopped', 'completed', 'archived'].includes(hunt.state))
          refuse({ status: 409, message: `a hunt that is ${hunt.state} cannot be deleted`, hint: 'Stop it first.' });
        world.hunts.splice(world.hunts.indexOf(hunt), 1);
        world.note('hunt.delete', id, hunt.spec.name);
      },
    ],
    [
      'POST',
      'hunts/:id/retry',
      ([id], _, body) => {
        const hunt = find(id);
        const failed = [...hunt.members.values()].filter(
          (m) => m.state === 'failed' && (!body.class || m.reason.startsWith(body.class)),
        );
        failed.forEach((m) => {
          hunt.move(world.byId.get(m.client), 'pending', 'again, by admin');
          m.attempt += 1;
        });
        world.changed.hunts.add(id);
        return { clients: failed.length };
      },
    ],
    ['GET', 'hunts/:id/revisions', ([id]) => find(id).revisions],
    [
      'GET',
      'hunts/:id/rounds',
      ([id], q) => {
        const hunt = find(id);
        const now = {
          round: hunt.round,
          tick: new Date(hunt.started ?? hunt.created).toISOString(),
          counts: hunt.counts,
        };
        return pageOf([...hunt.rounds, ...(hunt.started ? [now] : [])], q);
      },
    ],
  ];
}

/** A hunt that asks every day, in its third round. */
export function recurring(hunt) {
  hunt.spec.schedule = { every: '24h', buffer: '1m' };
  hunt.round = 3;
  const day = 86_400_000;
  hunt.rounds = [2, 1].map((ago, i) => ({
    round: i + 1,
    tick: new Date(hunt.started - ago * day).toISOString(),
    counts: { ...ZERO, results: 310 - ago, completed: 95 + ago, refused: 12, failed: ago },
  }));
}

/** How often each value of a column occurs. */
export function facets(rows, { column, order = 'rows', limit = 50 }) {
  const special = { _hostname: 'hostname', _client: 'client', _source: 'source', _flow: 'flow' };
  const found = new Map();
  for (const row of rows) {
    const raw = special[column] ? row[special[column]] : row.row[column];
    const text =
      raw === undefined || raw === null ? undefined : typeof raw === 'object' ? JSON.stringify(raw) : String(raw);
    const one = found.get(text) ?? { value: text, number: typeof raw === 'number', rows: 0, on: new Set() };
    one.rows += 1;
    one.on.add(row.client);
    found.set(text, one);
  }
  const values = [...found.values()].map(({ on, ...one }) => ({ ...one, clients: on.size }));
  const by = order.endsWith('clients') ? 'clients' : 'rows';
  values.sort((a, b) => (order.startsWith('rare') ? a[by] - b[by] : b[by] - a[by]));
  return { values: values.slice(0, Number(limit)), distinct: values.length, rows: rows.length };
}

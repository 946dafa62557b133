// A server with the HTTP contract and made-up data, for work on the pages without the real one. It serves `dist` with
// the Content-Security-Policy that the pages are made for. `npm run mock`, then http://127.0.0.1:5199, admin / hunt.

import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomBytes } from 'node:crypto';
import { makeRows, ROW_COLUMNS } from './data.mjs';
import { health, installationRoutes } from './installation.mjs';
import { eventLines, monitoringRoutes } from './monitoring.mjs';
import { roundRows, table, tableRoutes } from './tables.mjs';
import { huntRoutes, cohort, differences } from './targeting.mjs';
import { eligible } from './hunts.mjs';
import { zipOf } from './zip.mjs';
import { checkArtifactCall, checkVql, completeVql, pageOf } from './answers.mjs';
import { exported, logRoutes, LogWorld } from './logs.mjs';
import { World } from './world.mjs';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

class Refusal extends Error {
  constructor(status, message, hint = '', problems = []) {
    super(message);
    Object.assign(this, { status, hint, problems });
  }
}
const missing = (what) => new Refusal(404, `${what} does not exist`, 'It may have been removed, or the id is cut off.');

export function startMock({ port = 5199, user = 'admin', password = 'hunt', empty = false, clients } = {}) {
  const world = new World({ empty, clients });
  const logs = new LogWorld({ empty });
  const sessions = new Map();
  const streams = new Set();

  const find = (id) => world.hunts.find((h) => h.id === id) ?? fail(missing(`hunt ${id}`));
  const flowOf = (id) => world.flows.get(id) ?? fail(missing(`flow ${id}`));
  const clientOf = (id) => world.byId.get(id) ?? fail(missing(`client ${id}`));
  const fail = (error) => {
    throw error;
  };
  const flowView = ({ rowsKept, ...view }) => view;
  const preview = (spec) => {
    const all = world.clients.filter((c) => !c.revoked_at);
    const asked = eligible(world.clients, spec.condition);
    const problems = [];
    if (!spec.name?.trim())
      problems.push({ field: 'name', severity: 'error', message: 'a hunt needs a name', hint: '' });
    if (spec.condition?.server)
      problems.push(
        ...checkVql(spec.condition.server, 'server_condition').map((p) => ({ ...p, field: 'condition.server' })),
      );
    spec.artifacts?.forEach((call, i) =>
      problems.push(
        ...checkArtifactCall(world.artifacts, call).map((p) => ({ ...p, field: `artifacts[${i}].${p.field}` })),
      ),
    );
    return cohort(world, all, asked, spec, problems);
  };
  const refuse = (what) => {
    throw what instanceof Refusal ? what : new Refusal(what.status, what.message, what.hint, what.problems);
  };
  const changed = () => streams.forEach((s) => s.write('event: change\ndata: {"kind":"log"}\n\n'));
  const routes = [
    ...logRoutes(logs, { refuse, missing, changed }),
    ...huntRoutes(world, { refuse, find, flowOf }),
    ...installationRoutes(world),
    ...tableRoutes(world, { refuse, find, flowOf }),
    ...monitoringRoutes(world, { refuse, find, clientOf }),
    [
      'GET',
      'overview',
      () => ({
        clients: world.clients.length,
        online: world.clients.filter((c) => c.online).length,
        hunts_running: world.hunts.filter((h) => h.state === 'running').length,
        hunts_waiting: world.hunts.filter((h) => ['paused', 'draining'].includes(h.state)).length,
        flows_running: world.hunts.reduce((n, h) => n + h.counts.running, 0),
        problems: [],
      }),
    ],
    [
      'GET',
      'clients',
      (_, q) => {
        const text = (q.search ?? '').toLowerCase();
        let found = world.clients.filter(
          (c) =>
            !text || [c.id, c.hostname, c.fqdn, c.address, ...c.labels].some((s) => s?.toLowerCase().includes(text)),
        );
        if (q.label) found = found.filter((c) => c.labels.includes(q.label));
        if (q.online) found = found.filter((c) => String(c.online) === q.online);
        if (q.sort) found = [...found].sort((a, b) => (a[q.sort] < b[q.sort] ? -1 : 1) * (q.desc === 'true' ? -1 : 1));
        return pageOf(found, q);
      },
    ],
    ['GET', 'clients/:id', ([id]) => clientOf(id)],
    [
      'POST',
      'clients/:id/labels',
      ([id], _, body) => {
        const c = clientOf(id);
        c.labels = [...new Set([...c.labels.filter((l) => !body.remove?.includes(l)), ...(body.add ?? [])])];
        world.note('client.label', id, JSON.stringify(body));
        return c;
      },
    ],
    [
      'POST',
      'clients/:id/revoke',
      ([id]) => {
        Object.assign(clientOf(id), { revoked_at: new Date().toISOString(), online: false });
        world.note('client.revoke', id);
        return clientOf(id);
      },
    ],
    [
      'GET',
      'clients/:id/flows',
      ([id], q) =>
        pageOf(
          [...world.flows.values()]
            .filter((f) => f.client === id && (!q.state || f.state === q.state))
            .reverse()
            .map(flowView),
          q,
        ),
    ],
    ['GET', 'flows', (_, q) => pageOf([...world.flows.values()].reverse().map(flowView), q)],
    [
      'POST',
      'flows',
      (_, __, body) => {
        const problems = body.artifacts.flatMap((call, i) =>
          checkArtifactCall(world.artifacts, call).map((p) => ({ ...p, field: `artifacts[${i}].${p.field}` })),
        );
        if (problems.length) throw new Refusal(422, 'the request does not fit', '', problems);
        const flow = world.addFlow(clientOf(body.client), null, body.artifacts, 'queued');
        flow.rowsKept = makeRows(clientOf(body.client), 5).map((row) => ({
          client: flow.client,
          hostname: flow.hostname,
          flow: flow.id,
          source: body.artifacts[0].name,
          stored: new Date().toISOString(),
          row,
        }));
        flow.rows = flow.rowsKept.length;
        flow.uploads = 2;
        flow.upload_bytes = 48_213;
        world.note('flow.start', flow.id, body.artifacts.map((a) => a.name).join(', '));
        return flowView(flow);
      },
    ],
    ['GET', 'flows/:id', ([id]) => flowView(flowOf(id))],
    [
      'POST',
      'flows/:id/cancel',
      ([id]) => {
        world.endFlow(id, 'cancelled', '', Date.now());
        return flowView(flowOf(id));
      },
    ],
    [
      'GET',
      'flows/:id/sources',
      ([id]) => {
        const rows = flowOf(id).rowsKept;
        return [...new Set(rows.map((r) => r.source))].map((source) => ({
          source,
          rows: rows.filter((r) => r.source === source).length,
          columns: ROW_COLUMNS,
        }));
      },
    ],
    [
      'GET',
      'flows/:id/log',
      ([id], q) => {
        const flow = flowOf(id);
        const at = flow.started ?? flow.created;
        const lines = [
          ['DEFAULT', `Starting ${flow.artifacts[0].name}`],
          ['DEBUG', 'glob: 14 tables'],
          ['WARN', 'parse_crontab: /etc/cron.d/old: line 3 is not understood'],
          ['INFO', `Sent ${flow.rows} rows`],
        ];
        if (flow.state === 'failed') lines.push(['ERROR', flow.reason]);
        return pageOf(
          lines.map(([level, text]) => ({ time: at, level, text })),
          q,
        );
      },
    ],
    [
      'GET',
      'flows/:id/uploads',
      ([id], q) => {
        const flow = flowOf(id);
        return pageOf(
          Array.from({ length: flow.uploads }, (_, i) => ({
            id: `U.${flow.id.slice(2)}${i}`,
            path: `/etc/cron.d/job-${i}`,
            accessor: 'file',
            size: 24_000 + i,
            sha256: flow.id.slice(2).padEnd(64, 'a'),
            stored: flow.created,
          })),
          q,
        );
      },
    ],
    [
      'GET',
      'artifacts',
      () =>
        world.artifacts.map((a) => ({
          name: a.name,
          kind: a.kind,
          summary: a.description.split('. ')[0],
          built_in: a.built_in,
          sources: a.sources.map((s) => s.name).filter(Boolean),
        })),
    ],
    [
      'GET',
      'artifacts/:id',
      ([name]) => world.artifacts.find((a) => a.name === name) ?? fail(missing(`artifact ${name}`)),
    ],
    [
      'POST',
      'artifacts/check',
      (_, __, body) => report(body.call ? checkArtifactCall(world.artifacts, body.call) : []),
    ],
    ['POST', 'vql/check', (_, __, body) => report(checkVql(body.text, body.kind))],
    ['POST', 'vql/complete', (_, __, body) => completeVql(body.text, body.at)],
    [
      'GET',
      'hunts',
      (_, q) =>
        pageOf(
          world.hunts
            .filter(
              (h) =>
                (!q.state || h.state === q.state) &&
                (!q.tag || h.spec.tags?.includes(q.tag)) &&
                (!q.search || `${h.id} ${h.spec.name}`.toLowerCase().includes(q.search.toLowerCase())),
            )
            .map((h) => h.view()),
          q,
        ),
    ],
    [
      'POST',
      'hunts',
      (_, __, body) => {
        const { problems } = preview(body);
        if (problems.length) throw new Refusal(422, 'the hunt was not made', '', problems);
        const hunt = world.addHunt(body);
        if (body.start) world.note('hunt.start', hunt.id);
        return hunt.view();
      },
    ],
    ['POST', 'hunts/preview', (_, __, body) => preview(body)],
    ['GET', 'hunts/:id', ([id]) => find(id).view()],
    [
      'PUT',
      'hunts/:id',
      ([id], _, body) => {
        const hunt = find(id);
        const { revision, ...change } = body;
        if (revision !== hunt.revision)
          throw new Refusal(
            409,
            `the hunt is at revision ${hunt.revision} by now`,
            'Load it again and repeat the change.',
          );
        const text = (value) => (value === undefined ? '' : JSON.stringify(value));
        const changes = Object.keys(change).map((field) => ({
          field,
          before: text(hunt.spec[field]),
          after: text(change[field]),
        }));
        Object.assign(hunt.spec, change);
        hunt.revision += 1;
        hunt.revisions.push({ revision: hunt.revision, at: new Date().toISOString(), by: 'admin', changes });
        world.note('hunt.edit', id, Object.keys(change).join(', '));
        world.changed.hunts.add(id);
        return hunt.view();
      },
    ],
    [
      'GET',
      'hunts/:id/members',
      ([id], q) => {
        if (q.queue === 'asked')
          throw new Refusal(
            400,
            '`asked` is not a queue',
            'choose one of refused, pending, running, completed, results, failed, cancelled, expired',
          );
        const text = (q.search ?? '').toLowerCase();
        let found = [...find(id).members.values()].filter(
          (m) =>
            (!q.queue || m.state === q.queue) &&
            (!text || `${m.client} ${m.hostname} ${m.reason}`.toLowerCase().includes(text)),
        );
        if (q.sort) found = found.sort((a, b) => (a[q.sort] < b[q.sort] ? -1 : 1) * (q.desc === 'true' ? -1 : 1));
        return pageOf(found, q);
      },
    ],
    [
      'GET',
      'hunts/:id/why/:client',
      ([id, client]) => {
        const member = find(id).members.get(clientOf(client).id) ?? null;
        if (!member)
          return {
            client,
            hostname: clientOf(client).hostname,
            verdict: 'not_seen',
            next: 'It is asked as soon as it connects.',
            explanation: 'The client has not been connected since the hunt started. It is asked when it comes back.',
            member,
          };
        return {
          client,
          hostname: member.hostname,
          next: '',
          verdict: member.state === 'refused' ? 'refused' : 'member',
          explanation: `It stands in ${member.state}: ${member.reason}.`,
          member,
        };
      },
    ],
    [
      'GET',
      'hunts/:id/recount',
      ([id]) => ({
        counters: find(id).counts,
        recount: find(id).counts,
        equal: true,
        rows_declared: find(id).rows.length,
        rows_stored: find(id).rows.length,
      }),
    ],
    [
      'POST',
      'hunts/:id/:verb',
      ([id, verb]) => {
        const hunt = find(id);
        if (!hunt.act(verb, 'admin')) throw new Refusal(409, `a hunt that is ${hunt.state} cannot ${verb}`, '');
        world.note(`hunt.${verb}`, id);
        world.changed.hunts.add(id);
        return hunt.view();
      },
    ],
    ['GET', 'tokens', () => world.tokens],
    [
      'POST',
      'tokens',
      (_, __, body) => {
        const token = {
          id: `tok_${randomBytes(3).toString('hex')}`,
          labels: body.labels ?? [],
          expires: new Date(Date.now() + 86_400_000).toISOString(),
          uses_max: body.uses_max,
          uses: 0,
          revoked: false,
        };
        world.tokens.unshift(token);
        world.note('token.create', token.id);
        return { ...token, token: `lyc_${token.id}_${randomBytes(18).toString('base64url')}` };
      },
    ],
    [
      'POST',
      'tokens/:id/revoke',
      ([id]) => Object.assign(world.tokens.find((t) => t.id === id) ?? fail(missing(id)), { revoked: true }),
    ],
    ['GET', 'audit', (_, q) => pageOf(world.audit, q)],
  ].map(([method, path, act]) => [method, new RegExp(`^${path.replace(/:\w+/g, '([^/]+)')}$`), act]);

  const report = (problems) => ({ ok: problems.every((p) => p.severity !== 'error'), problems });

  async function readBody(request) {
    let text = '';
    for await (const part of request) text += part;
    return text ? JSON.parse(text) : {};
  }

  async function api(request, response, path, query) {
    const requestId = randomBytes(6).toString('hex');
    const answer = (status, body, headers = {}) => {
      response.writeHead(status, {
        'content-type': 'application/json',
        'x-request-id': requestId,
        'cache-control': 'no-store',
        ...headers,
      });
      response.end(body === undefined ? '' : JSON.stringify(body));
    };
    try {
      const body = request.method === 'GET' ? {} : await readBody(request);
      if (path === 'health') return answer(200, health(world));
      if (world.trouble?.away) throw new Refusal(503, 'the store is away and could not do this; try again later');
      if (path === 'login') {
        if (body.user !== user || body.password !== password) throw new Refusal(401, 'user or password is wrong');
        const session = randomBytes(16).toString('hex');
        const csrf = randomBytes(16).toString('hex');
        sessions.set(session, csrf);
        return answer(
          200,
          { user, csrf, token: '', expires: new Date(Date.now() + 43_200_000).toISOString() },
          { 'set-cookie': `lycaon_session=${session}; Path=/; HttpOnly; SameSite=Strict` },
        );
      }
      const session = /lycaon_session=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
      const csrf = sessions.get(session);
      if (!csrf) throw new Refusal(401, 'not signed in', 'Sign in again.');
      if (request.method !== 'GET' && request.headers['x-lycaon-csrf'] !== csrf)
        throw new Refusal(403, 'the CSRF token is missing or wrong');
      if (path === 'logout')
        return (
          sessions.delete(session),
          answer(200, undefined, { 'set-cookie': 'lycaon_session=; Path=/; Max-Age=0' })
        );
      if (path === 'whoami')
        return answer(200, { user, org: 'default', roles: ['administrator'], csrf, version: '0.1.0-mock' });
      if (path === 'events') {
        response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
        response.write(': hello\n\n');
        streams.add(response);
        return request.on('close', () => streams.delete(response));
      }
      if (path.startsWith('log/findings/export.')) {
        const form = path.split('.').at(-1);
        response.writeHead(200, {
          'content-type': form === 'csv' ? 'text/csv' : 'application/x-ndjson',
          'content-disposition': `attachment; filename="findings.${form}"`,
        });
        return response.end(exported(logs, query, form));
      }
      if (/^hunts\/[^/]+\/diff$/.test(path)) {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        const lines = differences(find(path.split('/')[1]), query);
        return response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      }
      const exports = /^(hunts|flows)\/([^/]+)\/results\/export$/.exec(path);
      if (exports) {
        const [, kind, id] = exports;
        const rows = kind === 'hunts' ? roundRows(find(id), query) : flowOf(id).rowsKept;
        response.writeHead(200, {
          'content-type': 'application/octet-stream',
          'content-disposition': `attachment; filename="${id}.${query.format ?? 'ndjson'}"`,
        });
        return response.end(table(rows, query));
      }
      if (path === 'monitoring/export.jsonl') {
        response.writeHead(200, {
          'content-type': 'application/x-ndjson',
          'content-disposition': `attachment; filename="${query.source}.jsonl"`,
        });
        return response.end(eventLines(world, query));
      }
      if (path.endsWith('export.zip')) {
        const [kind, id] = path.split('/');
        const rows = kind === 'hunts' ? find(id).rows : flowOf(id).rowsKept;
        response.writeHead(200, {
          'content-type': 'application/zip',
          'content-disposition': `attachment; filename="${id}.zip"`,
        });
        return response.end(
          zipOf({
            'manifest.json': JSON.stringify({ id, rows: rows.length }),
            'results.jsonl': rows.map((r) => JSON.stringify(r)).join('\n'),
          }),
        );
      }
      if (/^uploads\/[^/]+\/content$/.test(path)) {
        response.writeHead(200, {
          'content-type': 'application/octet-stream',
          'content-disposition': 'attachment; filename="job"',
        });
        return response.end('* * * * * root true\n');
      }
      for (const [method, pattern, act] of routes) {
        const found = method === request.method && pattern.exec(path);
        if (found) return answer(200, act(found.slice(1).map(decodeURIComponent), query, body));
      }
      throw new Refusal(404, `there is no ${request.method} /api/v1/${path}`);
    } catch (error) {
      const known = error instanceof Refusal;
      if (!known) console.error(error);
      answer(known ? error.status : 500, {
        message: error.message,
        hint: error.hint ?? '',
        request_id: requestId,
        problems: (error.problems ?? []).map((p) => ({ hint: '', ...p })),
      });
    }
  }

  function file(response, path) {
    let name = normalize(join(DIST, path));
    if (!name.startsWith(DIST) || !existsSync(name) || path === '/') name = join(DIST, 'index.html');
    response.writeHead(200, {
      'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
      'content-security-policy': CSP,
      'x-content-type-options': 'nosniff',
    });
    response.end(readFileSync(name));
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://mock');
    if (url.pathname.startsWith('/api/v1/'))
      void api(request, response, url.pathname.slice(8), Object.fromEntries(url.searchParams));
    else file(response, url.pathname);
  });

  const timer = setInterval(() => {
    world.tick();
    const say = (event) => streams.forEach((s) => s.write(`event: change\ndata: ${JSON.stringify(event)}\n\n`));
    for (const id of world.changed.hunts) {
      const { state, revision, counts, rows } = find(id).view();
      say({ kind: 'hunt', id, state, revision, counts, rows });
    }
    for (const id of world.changed.flows) {
      const flow = flowOf(id);
      say({ kind: 'flow', id, client: flow.client, state: flow.state, rows: flow.rows });
    }
    Object.values(world.changed).forEach((set) => set.clear());
  }, 300);

  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        user,
        password,
        world,
        logs,
        stop: () => {
          clearInterval(timer);
          server.closeAllConnections();
          server.close();
        },
      }),
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await startMock({ port: Number(process.env.PORT ?? 5199), empty: process.argv.includes('--empty') });
  console.log(`mock server at ${mock.url}, user ${mock.user}, password ${mock.password}`);
}

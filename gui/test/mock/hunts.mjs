// Hunts of the mock: members per client, queues that move while a hunt runs, rows of finished members.

import { chance, makeRows, newId, ROW_COLUMNS } from './data.mjs';

export const ZERO = {
  asked: 0,
  refused: 0,
  pending: 0,
  running: 0,
  completed: 0,
  results: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
};
const VERBS = {
  draft: ['start', 'archive'],
  running: ['pause', 'drain', 'stop'],
  paused: ['resume', 'drain', 'stop'],
  draining: ['resume', 'stop'],
  stopped: ['archive'],
  completed: ['archive'],
  archived: [],
};
const FAILURES = [
  'timeout: no answer within 10m',
  'agent_restarted: the agent ended while it was collecting',
  'limit: 1000000 rows',
  'error: glob: permission denied',
];
const iso = (ms) => new Date(ms).toISOString();

export function eligible(clients, condition = {}) {
  const { include = {}, exclude = {} } = condition;
  return clients.filter((c) => {
    if (c.revoked_at) return false;
    if (include.labels?.length && !include.labels.some((l) => c.labels.includes(l))) return false;
    if (include.os && include.os !== 'any' && c.os !== include.os) return false;
    if (include.clients?.length && !include.clients.includes(c.id)) return false;
    if (exclude.labels?.some((l) => c.labels.includes(l))) return false;
    return !exclude.clients?.includes(c.id);
  });
}

export class Hunt {
  constructor(world, spec, creator) {
    this.world = world;
    const now = world.now();
    this.id = newId('H', now);
    this.spec = { description: '', condition: {}, rate: 'unlimited', limits: {}, expires: '7d', ...spec, start: false };
    Object.assign(this, {
      state: 'draft',
      revision: 1,
      creator,
      created: now,
      started: null,
      ended: null,
      ended_reason: null,
      ended_by: null,
      copied_from: null,
      copied_revision: null,
      round: 1,
      rounds: [],
      stage: spec.canary ? 'canary' : null,
    });
    this.revisions = [{ revision: 1, at: iso(now), by: creator, changes: [] }];
    this.members = new Map();
    this.counts = { ...ZERO };
    this.rows = [];
    this.uploads = 0;
    this.next = chance(now % 100_000);
    this.toAsk = [];
    if (spec.start) this.act('start');
  }

  move(client, state, reason, at = this.world.now()) {
    const before = this.members.get(client.id);
    if (before) this.counts[before.state] -= 1;
    this.counts[state] += 1;
    const member = before ?? {
      client: client.id,
      hostname: client.hostname,
      revision: this.revision,
      attempt: 1,
      flow: null,
      decided: iso(at),
      admitted: null,
    };
    Object.assign(member, { state, reason, updated: iso(at) });
    if (state === 'running') {
      member.admitted = iso(at);
      member.flow = this.world.addFlow(client, this, this.spec.artifacts, 'running', at).id;
    }
    this.members.set(client.id, member);
    if (member.flow && state !== 'running') this.world.endFlow(member.flow, state, reason, at);
    if (state === 'results') this.addRows(client, member, at);
  }

  addRows(client, member, at) {
    const source = this.sourceNames();
    const rows = makeRows(client, this.members.size + parseInt(client.id.slice(2, 8), 16));
    const out = rows.map((row, i) => ({
      client: client.id,
      hostname: client.hostname,
      flow: member.flow,
      source: source[i % source.length],
      stored: iso(at),
      row,
    }));
    this.rows.push(...out);
    const flow = this.world.flows.get(member.flow);
    flow.rows = out.length;
    flow.rowsKept = out;
  }

  sourceNames() {
    return this.spec.artifacts.flatMap((call) => {
      const found = this.world.artifacts.find((a) => a.name === call.name);
      return (found?.sources ?? [{ name: '' }]).map((s) => (s.name ? `${call.name}/${s.name}` : call.name));
    });
  }

  sources() {
    return this.sourceNames().map((source) => ({
      source,
      rows: this.rows.filter((r) => r.source === source).length,
      columns: ROW_COLUMNS,
    }));
  }

  act(verb, who = this.creator) {
    if (!this.verbs().includes(verb)) return false;
    const now = this.world.now();
    if (verb === 'start') {
      this.state = 'running';
      this.started = now;
      this.toAsk = eligible(this.world.clients, this.spec.condition).filter((c) => c.online);
    } else if (verb === 'widen') this.stage = null;
    else if (verb === 'pause') this.state = 'paused';
    else if (verb === 'drain') this.state = 'draining';
    else if (verb === 'resume') this.state = 'running';
    else if (verb === 'archive') this.state = 'archived';
    else this.finish('stopped', 'asked', who);
    if (verb === 'stop') {
      for (const m of this.members.values()) {
        if (m.state === 'pending' || m.state === 'running')
          this.move(this.world.byId.get(m.client), 'cancelled', `the hunt was stopped by ${who}`);
      }
    }
    return true;
  }

  verbs() {
    const canary =
      ['canary', 'holding', 'unhealthy'].includes(this.stage) && ['running', 'paused'].includes(this.state);
    return [...VERBS[this.state], ...(canary ? ['widen'] : [])];
  }

  /** How many may begin while it is tried on a few. */
  room() {
    if (!this.stage) return Infinity;
    const begun = [...this.members.values()].filter((m) => m.admitted).length;
    return Math.max(0, (this.spec.canary?.clients ?? 0) - begun);
  }

  finish(state, reason, who) {
    Object.assign(this, { state, ended: this.world.now(), ended_reason: reason, ended_by: who });
    this.toAsk = [];
    this.counts.asked = 0;
  }

  /** Whether a client passes the made-up condition. */
  matches(client) {
    if (/FALSE/.test(this.spec.condition?.server ?? '')) return false;
    return !this.spec.condition?.server || client.os === 'linux';
  }

  /** One step: some are asked, some answer, some begin, some finish. True if anything moved. */
  step(size = 6, at = this.world.now()) {
    if (!['running', 'paused', 'draining'].includes(this.state)) return false;
    let moved = false;
    const some = (n, from) => from.splice(0, Math.min(n, from.length));
    if (this.state !== 'draining') {
      for (const client of some(size, this.toAsk)) {
        moved = true;
        if (this.matches(client)) this.move(client, 'pending', 'matches', at);
        else this.move(client, 'refused', `condition: no row (OS is ${client.os})`, at);
      }
      this.counts.asked = Math.min(this.toAsk.length, 60);
    }
    const inState = (state) =>
      [...this.members.values()].filter((m) => m.state === state).map((m) => this.world.byId.get(m.client));
    if (this.state !== 'paused' && this.counts.pending > 0) {
      const bound = this.spec.limits?.running || 40;
      const most = Math.min(size - 1, bound - this.counts.running, this.room());
      for (const client of inState('pending').slice(0, Math.max(0, most))) {
        this.move(client, 'running', 'admitted', at);
        moved = true;
      }
    }
    if (this.counts.running > 0) {
      for (const client of inState('running').slice(0, Math.max(1, Math.floor(size / 2)))) {
        const luck = this.next();
        if (luck < 0.02) this.move(client, 'failed', FAILURES[Math.floor(this.next() * FAILURES.length)], at);
        else if (luck < 0.35) this.move(client, 'completed', 'finished without rows', at);
        else this.move(client, 'results', 'finished with rows', at);
        moved = true;
      }
    }
    if (this.stage === 'canary' && this.room() === 0 && this.counts.running === 0) {
      this.stage = this.spec.canary.then === 'auto' ? null : 'holding';
      moved = true;
    }
    if (this.state === 'draining' && this.counts.pending + this.counts.running === 0)
      this.finish('completed', 'asked', this.creator);
    return moved;
  }

  view() {
    return {
      id: this.id,
      spec: this.spec,
      state: this.state,
      revision: this.revision,
      round: this.round,
      counts: { ...this.counts },
      rows: this.wide ? 10_000_000 : this.rows.length,
      uploads: this.uploads,
      creator: this.creator,
      created: iso(this.created),
      started: this.started && iso(this.started),
      expires: this.started && iso(this.started + 7 * 86_400_000),
      ended: this.ended && iso(this.ended),
      ended_reason: this.ended_reason,
      ended_by: this.ended_by,
      closed: this.ended && iso(this.ended),
      copied_from: this.copied_from,
      copied_revision: this.copied_revision,
      stage: this.state === 'draft' ? null : this.stage,
      paused: null,
      paused_reason: null,
      paused_by: null,
      round_started: this.started && iso(this.started),
      next_round: this.spec.schedule && this.started ? iso(this.started + 86_400_000) : null,
      spent: {
        rows: this.rows.length,
        uploads: this.uploads,
        upload_bytes: this.uploads * 24_000,
        cpu_seconds: Math.round(this.rows.length / 7),
      },
      verbs: this.verbs(),
    };
  }
}

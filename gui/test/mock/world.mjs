// Everything the mock knows, and its beginning: a fleet with a history of hunts, or an empty server.

import { ARTIFACTS, makeClients, newId } from './data.mjs';
import { Hunt } from './hunts.mjs';
import { Monitored } from './monitoring.mjs';

const iso = (ms) => new Date(ms).toISOString();

export class World {
  constructor({ clients = 4212, empty = false } = {}) {
    this.shift = 0;
    this.artifacts = ARTIFACTS;
    this.clients = empty ? [] : makeClients(clients);
    this.byId = new Map(this.clients.map((c) => [c.id, c]));
    this.hunts = [];
    this.flows = new Map();
    this.tokens = [];
    this.audit = [];
    /** What is wrong now, with `away` when no record can be reached. */
    this.trouble = null;
    this.monitored = new Monitored({ empty });
    this.changed = { hunts: new Set(), flows: new Set(), clients: new Set() };
    if (!empty) this.begin();
  }

  now() {
    return Date.now() - this.shift;
  }

  note(action, object, detail = '', actor = 'admin') {
    this.audit.unshift({ time: iso(this.now()), actor, action, object, detail });
  }

  addHunt(spec, creator = 'admin') {
    const hunt = new Hunt(this, spec, creator);
    this.hunts.unshift(hunt);
    this.note('hunt.create', hunt.id, spec.name, creator);
    return hunt;
  }

  addFlow(client, hunt, artifacts, state, at = this.now()) {
    const flow = {
      id: newId('F', at),
      client: client.id,
      hostname: client.hostname,
      hunt: hunt?.id ?? null,
      actor: hunt ? hunt.creator : 'admin',
      artifacts,
      state,
      reason: '',
      attempt: 1,
      rows: 0,
      uploads: 0,
      upload_bytes: 0,
      cpu_millis: 0,
      created: iso(at),
      started: state === 'queued' ? null : iso(at),
      ended: null,
      rowsKept: [],
    };
    this.flows.set(flow.id, flow);
    return flow;
  }

  endFlow(id, queue, reason, at) {
    const flow = this.flows.get(id);
    flow.state =
      { completed: 'done', results: 'done', failed: 'failed', cancelled: 'cancelled', expired: 'expired' }[queue] ??
      flow.state;
    flow.reason = queue === 'failed' ? reason : '';
    flow.ended = iso(at);
    flow.cpu_millis = 40 + (parseInt(id.slice(-4), 16) % 900);
    this.changed.flows.add(id);
  }

  begin() {
    const HOUR = 3_600_000;
    const old = (hours, spec, act) => {
      this.shift = hours * HOUR;
      const hunt = this.addHunt(spec, spec.by ?? 'anna');
      delete hunt.spec.by;
      act?.(hunt);
      this.shift = 0;
      return hunt;
    };
    const run = (hunt, steps, size) => {
      hunt.act('start');
      for (let i = 0; i < steps && hunt.step(size); i++) this.shift -= 1000;
    };
    old(
      200,
      { name: 'Setuid files outside packages', artifacts: [{ name: 'Linux.Sys.SetuidFiles', parameters: {} }] },
      (h) => {
        run(h, 60, 30);
        h.act('drain');
        while (h.step(60));
        h.act('archive');
      },
    );
    old(
      90,
      {
        name: 'Who may sign in over SSH',
        artifacts: [{ name: 'Linux.Ssh.AuthorizedKeys', parameters: {} }],
        condition: { include: { labels: ['prod'] } },
      },
      (h) => {
        run(h, 80, 24);
        h.act('drain');
        while (h.step(60));
      },
    );
    old(
      50,
      {
        name: 'Miner by hash',
        artifacts: [{ name: 'Generic.FileFinder', parameters: { grep: 'donate-level' } }],
        by: 'tom',
      },
      (h) => {
        run(h, 20, 20);
        h.act('stop', 'tom');
      },
    );
    old(
      20,
      {
        name: 'Processes of build servers',
        artifacts: [{ name: 'Linux.Sys.Pslist', parameters: { processRegex: 'java|node' } }],
        limits: { clients: 500 },
      },
      (h) => {
        run(h, 40, 14);
        h.act('pause');
      },
    );
    old(3, {
      name: 'Draft: shell history with curl | bash',
      artifacts: [{ name: 'Linux.Forensics.ShellHistory', parameters: { pattern: 'curl.*bash' } }],
    });
    this.live = old(
      1,
      {
        name: 'Suspicious cron entries',
        description: 'Who persists through cron, after the alert of this morning.',
        artifacts: [{ name: 'Linux.Sys.Crontab', parameters: { commandRegex: '(?i)curl|wget|base64|/\\.[a-z]' } }],
        condition: {
          server:
            "SELECT * FROM rows\nWHERE OS = 'linux'\n  AND 'investigate' IN client.labels  -- private to the server",
          exclude: { labels: ['pos'] },
        },
        rate: '600/min',
        limits: { running: 40 },
      },
      (h) => run(h, 160, 8),
    );
    const first = this.clients[0];
    for (let i = 0; i < 3; i++)
      this.endFlow(
        this.addFlow(first, null, [{ name: 'Linux.Sys.Users', parameters: {} }], 'running', Date.now() - i * HOUR).id,
        'completed',
        '',
        Date.now() - i * HOUR + 4000,
      );
    this.tokens = [
      {
        id: 'tok_7f3a91',
        labels: ['prod', 'ber'],
        expires: iso(Date.now() + 86_400_000),
        uses_max: 500,
        uses: 212,
        revoked: false,
      },
      { id: 'tok_11c0de', labels: [], expires: iso(Date.now() - 86_400_000), uses_max: 10, uses: 3, revoked: false },
    ];
  }

  /** Moves what moves by itself. */
  tick() {
    for (const hunt of this.hunts) {
      if (hunt.step(hunt === this.live ? 5 : 8)) this.changed.hunts.add(hunt.id);
    }
    for (const flow of this.flows.values()) {
      if (flow.hunt) continue;
      const age = this.now() - new Date(flow.created).getTime();
      if (flow.state === 'queued' && age > 700 && this.byId.get(flow.client).online) {
        flow.state = 'running';
        flow.started = iso(this.now());
        this.changed.flows.add(flow.id);
      } else if (flow.state === 'running' && age > 2500) this.endFlow(flow.id, 'results', '', this.now());
    }
  }
}

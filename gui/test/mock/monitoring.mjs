// Monitoring in the mock: what runs where, what it brought, checkpoints of recurring hunts.

import { pageOf } from './answers.mjs';

const DAY = 86_400_000;
const COLUMNS = ['Time', 'Pid', 'Name', 'CommandLine'];
const day = (ago) => new Date(Date.now() - ago * DAY).toISOString().slice(0, 10);

export class Monitored {
  constructor({ empty }) {
    this.revision = empty ? 0 : 3;
    this.entries = empty
      ? []
      : [
          {
            artifact: 'Linux.Events.ProcessExecutions',
            parameters: {},
            limits: { cpu: '5%', rows_per_second: 1000, batch_wait: '5s' },
          },
          {
            artifact: 'Linux.Events.SshLogins',
            label: 'prod',
            parameters: { syslogAuthLogPath: '/var/log/secure' },
            limits: { cpu: '5%', rows_per_second: 0, batch_wait: '5s' },
          },
        ];
  }

  view() {
    return { revision: this.revision, entries: this.entries.map((e) => ({ problem: null, label: null, ...e })) };
  }
}

function events(client, source, from) {
  const start = new Date(`${from ?? day(0)}T00:00:00Z`).getTime();
  return Array.from({ length: 240 }, (_, i) => ({
    client: client.id,
    hostname: client.hostname,
    source,
    stored: new Date(start + i * 90_000 + 4000).toISOString(),
    observed: new Date(start + i * 90_000).toISOString(),
    row: {
      Time: new Date(start + i * 90_000).toISOString(),
      Pid: 1200 + i,
      Name: ['sh', 'cron', 'curl'][i % 3],
      CommandLine: `/usr/bin/${['sh', 'cron', 'curl'][i % 3]} -c job-${i}`,
    },
  }));
}

export function monitoringRoutes(world, { refuse, find, clientOf }) {
  const table = world.monitored;
  const same = (a, b) => a.artifact === b.artifact && (a.label ?? null) === (b.label ?? null);
  const moved = (what, entry) => {
    table.revision += 1;
    world.note(`monitoring.${what}`, entry.artifact);
    return table.view();
  };
  return [
    ['GET', 'monitoring', () => table.view()],
    [
      'POST',
      'monitoring/add',
      (_, __, body) => {
        if (body.limits?.cpu && !/^\d+%?$/.test(body.limits.cpu))
          refuse({
            status: 422,
            message: 'this cannot be monitored',
            problems: [
              {
                field: 'limits.cpu',
                severity: 'error',
                message: `\`${body.limits.cpu}\` is not a share such as \`5%\``,
              },
            ],
          });
        table.entries = [...table.entries.filter((one) => !same(one, body)), body];
        return moved('add', body);
      },
    ],
    [
      'POST',
      'monitoring/remove',
      (_, __, body) => {
        table.entries = table.entries.filter((one) => !same(one, body));
        return moved('remove', body);
      },
    ],
    [
      'GET',
      'monitoring/scan',
      (_, q) => ({
        items:
          q.from <= day(0) ? world.clients.slice(0, 3).flatMap((c) => events(c, q.source, q.from).slice(0, 60)) : [],
        place: '1.1',
        end: false,
      }),
    ],
    [
      'GET',
      'clients/:id/monitoring',
      ([id]) => {
        const client = clientOf(id);
        const entries = table.view().entries.filter((e) => !e.label || client.labels.includes(e.label));
        const days = entries.flatMap((e) =>
          [0, 1, 2].flatMap((ago) => [
            {
              source: e.artifact,
              kind: 'rows',
              day: day(ago),
              rows: 240 - ago,
              bytes: 48_000 - ago * 900,
              columns: COLUMNS,
            },
            ...(ago === 1
              ? [{ source: e.artifact, kind: 'log', day: day(ago), rows: 3, bytes: 420, columns: ['level', 'text'] }]
              : []),
          ]),
        );
        return { entries, days };
      },
    ],
    [
      'GET',
      'clients/:id/monitoring/rows',
      ([id], q) => {
        const text = (q.search ?? '').toLowerCase();
        const rows = events(clientOf(id), q.source, q.from).filter(
          (r) => !text || JSON.stringify(r.row).toLowerCase().includes(text),
        );
        return pageOf(rows, q);
      },
    ],
    [
      'GET',
      'hunts/:id/checkpoints/:client',
      ([id]) =>
        find(id)
          .sourceNames()
          .map((source, i) => ({
            source,
            upto: new Date(Date.now() - 3_600_000).toISOString(),
            epoch: 1 + i,
            round: 3,
          })),
    ],
  ];
}

/** Rows of all clients, or of one, as lines. */
export const eventLines = (world, q) =>
  (q.client ? world.clients.filter((c) => c.id === q.client) : world.clients.slice(0, 3))
    .flatMap((c) => events(c, q.source, q.from))
    .map((e) => `${JSON.stringify({ ...e.row, _client: e.client, _source: e.source })}\n`)
    .join('');

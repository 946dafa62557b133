// Where do queries run, what waits there, and whom does a breaker keep away?

import { IconServer2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import * as logs from '../../api/logs';
import type { LogEngineView, LogQueueView } from '../../api/schema';
import { bytes, count, millis, plural } from '../../lib/text';
import { TenantLink } from '../../ui/logs';
import { Bones, Empty, ErrorNote, Moment } from '../../ui/parts';

const SHOWN = 50;

export function Engines() {
  const { data, error, refetch } = useQuery(logs.engines());
  if (error && !data) return <ErrorNote what="Could not load the engines" error={error} retry={() => void refetch()} />;
  if (!data) return <Bones lines={6} />;
  if (data.length === 0)
    return (
      <Empty icon={IconServer2} title="No engine yet" cli="lycaon log check ./log-hunts">
        <p>An engine is where a tenant’s queries run: files and folders, SQLite, PostgreSQL, ClickHouse and others.</p>
      </Empty>
    );
  return (
    <div className="stack scroll-y">
      {data.map((engine) => (
        <Engine key={engine.name} engine={engine} />
      ))}
    </div>
  );
}

function Engine({ engine }: { engine: LogEngineView }) {
  const sum = (of: (q: LogQueueView) => number) => engine.queues.reduce((n, q) => n + of(q), 0);
  const open = engine.queues.filter((q) => q.breaker !== 'closed').length;
  return (
    <section className="card stack tight" aria-label={`Engine ${engine.name}`}>
      <h2>
        {engine.name} <span className="dim">{engine.kind}</span>
      </h2>
      <p className="dim">
        {engine.place && <code>{engine.place}</code>} {plural(engine.concurrency, 'query', 'queries')} at once, at most{' '}
        {millis(engine.timeout_millis)} each; {plural(engine.tenants, 'tenant')} there.
        {engine.queues.length > 0 && (
          <>
            {' '}
            {count(sum((q) => q.running))} run, {count(sum((q) => q.waiting))} wait, {bytes(sum((q) => q.bytes_today))}{' '}
            read today
            {open > 0 && <b className="bad-text">, {plural(open, 'tenant')} kept away by a breaker</b>}.
          </>
        )}
      </p>
      {engine.queues.length > 0 && <Queues queues={engine.queues} withTenant />}
    </section>
  );
}

export function Queues({ queues, withTenant }: { queues: LogQueueView[]; withTenant?: boolean }) {
  const weight = (q: LogQueueView) => (q.breaker === 'closed' ? 0 : 1_000_000) + q.running * 1000 + q.waiting;
  const sorted = [...queues].sort((a, b) => weight(b) - weight(a));
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Queues">
      <table className="glance tokens loose">
        <thead>
          <tr>
            <th>{withTenant ? 'Tenant' : 'Engine'}</th>
            <th>Running</th>
            <th>Waiting</th>
            <th>Read today</th>
            <th>Breaker</th>
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, SHOWN).map((q) => (
            <tr key={`${q.tenant}/${q.engine}`}>
              <td>{withTenant ? <TenantLink name={q.tenant} /> : q.engine}</td>
              <td className="num">{count(q.running)}</td>
              <td className="num">{count(q.waiting)}</td>
              <td className="num">{bytes(q.bytes_today)}</td>
              <td>
                {q.breaker === 'closed' ? (
                  <span className="dim">closed</span>
                ) : (
                  <span className="bad-text">
                    {q.breaker.replace('_', ' ')}
                    {q.breaker_until && (
                      <>
                        {' '}
                        until <Moment at={q.breaker_until} />
                      </>
                    )}
                    {q.failure && `: ${q.failure}`}
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > SHOWN && <p className="dim">{plural(sorted.length - SHOWN, 'other')} with less to do.</p>}
    </div>
  );
}

// How do this tenant's streams stand, where are its logs, and what differs for it?

import { Button } from '@mantine/core';
import { IconHistory, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useState } from 'react';
import * as logs from '../api/logs';
import type { LogDatasetView, LogTenantView } from '../api/schema';
import { inTrouble, lagText, needALook, totalStreams } from '../lib/logs';
import { bytes, count, plural, shellWord } from '../lib/text';
import { Act } from '../ui/Act';
import { apiUrl, Bones, CliFold, ErrorNote, Moment, Note, useTitle } from '../ui/parts';
import { Queues } from './log/Engines';
import { Overrides } from './log/Overrides';
import { Streams } from './log/Streams';

const BackfillDialog = lazy(() => import('./log/BackfillDialog').then((m) => ({ default: m.BackfillDialog })));

export function LogTenantPage() {
  const { tenant: name } = useParams({ from: '/log/tenants/$tenant' });
  const search = useSearch({ from: '/log/tenants/$tenant' });
  const navigate = useNavigate({ from: '/log/tenants/$tenant' });
  const change = useCallback(
    (part: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true }),
    [navigate],
  );
  const { data: tenant, error, refetch } = useQuery(logs.tenant(name));
  const [doing, setDoing] = useState<'hold' | 'skip' | 'resume' | 'backfill' | null>(null);
  useTitle(`${name}, log hunts`);
  const tab = search.tab === 'about' ? 'about' : 'streams';
  return (
    <div className={`page ${tab === 'streams' ? 'fill' : ''}`}>
      <header className="page-head">
        <div className="grow">
          <p className="crumb">
            <Link to="/log" search={{ tab: 'tenants' }}>
              Tenants
            </Link>
          </p>
          <h1>Tenant: {name}</h1>
          {tenant && <Subline tenant={tenant} />}
        </div>
        {tenant && (
          <div className="actions">
            {tenant.summary.pause ? (
              <Button leftSection={<IconPlayerPlay size={15} />} onClick={() => setDoing('resume')}>
                Resume…
              </Button>
            ) : (
              <>
                <Button
                  variant="default"
                  leftSection={<IconPlayerPause size={15} />}
                  onClick={() => setDoing('hold')}
                  title="What comes meanwhile is read afterwards"
                >
                  Pause and hold…
                </Button>
                <Button
                  variant="default"
                  leftSection={<IconPlayerPause size={15} />}
                  onClick={() => setDoing('skip')}
                  title="What comes meanwhile is left out"
                >
                  Pause and skip…
                </Button>
              </>
            )}
            <Button variant="default" leftSection={<IconHistory size={15} />} onClick={() => setDoing('backfill')}>
              Backfill…
            </Button>
          </div>
        )}
      </header>
      {error && !tenant && <ErrorNote what="Could not load this tenant" error={error} retry={() => void refetch()} />}
      {!tenant && !error && <Bones lines={6} />}
      {tenant?.summary.pause && (
        <Note tone="warn" title={`Paused: ${tenant.summary.pause.mode}`}>
          <p>
            By {tenant.summary.pause.actor}, <Moment at={tenant.summary.pause.since} />: {tenant.summary.pause.reason}
          </p>
        </Note>
      )}
      {tenant && (
        <nav className="tabs" aria-label="Parts of this tenant">
          {(
            [
              ['streams', 'Streams'],
              ['about', 'Datasets, limits, overrides'],
            ] as const
          ).map(([t, label]) => (
            <Link
              key={t}
              to="/log/tenants/$tenant"
              params={{ tenant: name }}
              search={t === 'streams' ? {} : { tab: t }}
              activeOptions={{ exact: true, includeSearch: true }}
              activeProps={{ 'aria-current': undefined }}
              aria-current={t === tab ? 'page' : undefined}
            >
              {label}
            </Link>
          ))}
        </nav>
      )}
      {tenant && tab === 'streams' && <Streams search={search} change={change} only={{ tenant: name }} />}
      {tenant && tab === 'about' && <About tenant={tenant} />}
      <CliFold
        cli={[
          `lycaon log status --tenant ${shellWord(name)}`,
          `lycaon log pause --tenant ${shellWord(name)} --mode hold --reason …`,
        ]}
        api={[apiUrl(`/log/tenants/${encodeURIComponent(name)}`)]}
      />
      {(doing === 'hold' || doing === 'skip') && (
        <Act
          title={`Pause ${name} (${doing})`}
          action="Pause"
          danger={doing === 'skip'}
          about={`${name} ${doing}`}
          act={(body) => logs.pause(name, { mode: doing, ...body })}
          close={() => setDoing(null)}
        />
      )}
      {doing === 'resume' && (
        <Act
          title={`Resume ${name}`}
          action="Resume"
          about={name}
          act={(body) => logs.resume(name, body)}
          close={() => setDoing(null)}
        />
      )}
      {doing === 'backfill' && (
        <Suspense fallback={null}>
          <BackfillDialog tenant={name} close={() => setDoing(null)} />
        </Suspense>
      )}
    </div>
  );
}

function Subline({ tenant }: { tenant: LogTenantView }) {
  const { streams, lag_millis_max, findings_new, name } = tenant.summary;
  const bad = inTrouble(streams);
  return (
    <p className="subline">
      <span>
        {plural(totalStreams(streams), 'stream')},{' '}
        {bad === 0 ? 'nothing is wrong' : <b className="bad-text">{needALook(bad)}</b>}; the longest lag is{' '}
        {lagText(lag_millis_max)};{' '}
        <Link to="/findings" search={{ tenant: name, state: 'new' }}>
          {plural(findings_new, 'new finding')}
        </Link>
        .
      </span>
    </p>
  );
}

function About({ tenant }: { tenant: LogTenantView }) {
  return (
    <div className="stack">
      <section className="card stack tight" aria-label="Limits">
        <h2>Limits</h2>
        <dl className="facts">
          <dt>Queries at once</dt>
          <dd>{count(tenant.concurrency)}</dd>
          <dt>Share</dt>
          <dd>{count(tenant.weight)}</dd>
          <dt>Bytes per day</dt>
          <dd>{tenant.bytes_per_day == null ? 'no limit' : bytes(tenant.bytes_per_day)}</dd>
        </dl>
        {tenant.queues.length > 0 && <Queues queues={tenant.queues} />}
      </section>
      <section className="card stack tight" aria-label="Datasets">
        <h2>Datasets</h2>
        <div className="scroll-x" tabIndex={0} role="region" aria-label="Datasets of this tenant">
          <table className="glance tokens loose">
            <thead>
              <tr>
                <th>Dataset</th>
                <th>Engine</th>
                <th>Table</th>
                <th>Counts by</th>
                <th>Kept for</th>
                <th>Rules</th>
                <th>Columns</th>
              </tr>
            </thead>
            <tbody>
              {tenant.datasets.map((d) => (
                <Dataset key={d.name} dataset={d} />
              ))}
            </tbody>
          </table>
        </div>
      </section>
      <section className="card stack tight" aria-label="Overrides">
        <h2>What differs for this tenant</h2>
        <Overrides items={tenant.overrides} by="rule" />
      </section>
    </div>
  );
}

function Dataset({ dataset: d }: { dataset: LogDatasetView }) {
  return (
    <tr>
      <td>{d.name}</td>
      <td>{d.engine}</td>
      <td className="mono">{d.table}</td>
      <td>
        {d.domain.replace('_', ' ')}
        {(d.domain === 'ingest_time' ? d.ingest_time : d.event_time) && (
          <>
            {' '}
            <code>{d.domain === 'ingest_time' ? d.ingest_time : d.event_time}</code>
          </>
        )}
      </td>
      <td>{d.retention_millis == null ? '–' : lagText(d.retention_millis)}</td>
      <td className="num">{count(d.rules)}</td>
      <td className="mono">{d.columns.map((c) => `${c.name} → ${c.value}`).join(', ') || '–'}</td>
    </tr>
  );
}

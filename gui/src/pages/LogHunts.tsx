// Log hunts: what runs, what has it found, what is wrong?

import { Button } from '@mantine/core';
import { IconHistory, IconListSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, type ReactNode } from 'react';
import * as logs from '../api/logs';
import type { LogOverview } from '../api/schema';
import { inTrouble, lagText, needALook, SEVERITIES, STREAM_STATES, totalStreams } from '../lib/logs';
import { count, plural } from '../lib/text';
import { streamWord, StreamShape } from '../ui/logs';
import { apiUrl, Bones, CliFold, Empty, ErrorNote, Note, useTitle } from '../ui/parts';
import { Grid } from './log/Grid';

const Streams = lazy(() => import('./log/Streams').then((m) => ({ default: m.Streams })));
const Rules = lazy(() => import('./log/Rules').then((m) => ({ default: m.Rules })));
const Tenants = lazy(() => import('./log/Tenants').then((m) => ({ default: m.Tenants })));
const Engines = lazy(() => import('./log/Engines').then((m) => ({ default: m.Engines })));
const Backfills = lazy(() => import('./log/Backfills').then((m) => ({ default: m.Backfills })));
const Outbox = lazy(() => import('./log/Outbox').then((m) => ({ default: m.Outbox })));
const Changes = lazy(() => import('./log/Changes').then((m) => ({ default: m.Changes })));
const Files = lazy(() => import('./log/Files').then((m) => ({ default: m.Files })));
const BackfillDialog = lazy(() => import('./log/BackfillDialog').then((m) => ({ default: m.BackfillDialog })));

const TABS = [
  ['grid', 'Grid'],
  ['streams', 'Streams'],
  ['rules', 'Rules'],
  ['tenants', 'Tenants'],
  ['engines', 'Engines'],
  ['backfills', 'Backfills'],
  ['outbox', 'Outbox'],
  ['changes', 'Changes'],
  ['files', 'Files'],
] as const;
type Tab = (typeof TABS)[number][0];

export type LogSearch = ReturnType<typeof useLogSearch>['search'];
export type ChangeLog = ReturnType<typeof useLogSearch>['change'];
export function useLogSearch() {
  const search = useSearch({ from: '/log' });
  const navigate = useNavigate({ from: '/log' });
  const change = useCallback(
    (part: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true }),
    [navigate],
  );
  return { search, change };
}

export function LogHunts() {
  useTitle('Log hunts');
  const { search, change } = useLogSearch();
  const { data: numbers, error, refetch } = useQuery(logs.overview());
  const tab: Tab = TABS.find(([t]) => t === search.tab)?.[0] ?? 'grid';
  return (
    <div className="page fill log-page">
      <header className="page-head">
        <div className="grow">
          <h1>Log hunts</h1>
          {numbers?.configured && <Subline numbers={numbers} />}
        </div>
        {numbers?.configured && (
          <div className="actions">
            <Button
              variant="default"
              leftSection={<IconHistory size={15} />}
              onClick={() => change({ backfill: search.q ?? '*' })}
            >
              Backfill…
            </Button>
          </div>
        )}
      </header>
      {error && !numbers && (
        <ErrorNote what="Could not load the log hunts" error={error} retry={() => void refetch()} />
      )}
      {!numbers && !error && <Bones lines={7} />}
      {numbers && !numbers.configured && <NotConfigured />}
      {numbers?.configured && (
        <>
          <Totals numbers={numbers} />
          <Troubles numbers={numbers} />
          <nav className="tabs" aria-label="Parts of log hunts">
            {TABS.map(([t, label]) => (
              <Link
                key={t}
                to="/log"
                search={t === 'grid' ? {} : { tab: t }}
                activeOptions={{ exact: true, includeSearch: true }}
                activeProps={{ 'aria-current': undefined }}
                aria-current={t === tab ? 'page' : undefined}
              >
                {label}
                <Badge tab={t} numbers={numbers} />
              </Link>
            ))}
          </nav>
          <Suspense fallback={<Bones lines={6} />}>
            <Part tab={tab} search={search} change={change} />
          </Suspense>
          {search.backfill !== undefined && (
            <Suspense fallback={null}>
              <BackfillDialog
                rule={search.backfill === '*' ? undefined : search.backfill}
                close={() => change({ backfill: undefined })}
              />
            </Suspense>
          )}
        </>
      )}
      <CliFold
        cli={['lycaon log status', 'lycaon log ledger --tenant acme --rule susp-whoami']}
        api={[apiUrl('/log/overview'), apiUrl('/log/grid?sort=trouble')]}
      />
    </div>
  );
}

function Part({ tab, search, change }: { tab: Tab; search: LogSearch; change: ChangeLog }): ReactNode {
  switch (tab) {
    case 'grid':
      return <Grid search={search} change={change} />;
    case 'streams':
      return <Streams search={search} change={change} />;
    case 'rules':
      return <Rules search={search} change={change} />;
    case 'tenants':
      return <Tenants search={search} change={change} />;
    case 'engines':
      return <Engines />;
    case 'backfills':
      return <Backfills />;
    case 'outbox':
      return <Outbox />;
    case 'changes':
      return <Changes />;
    case 'files':
      return <Files />;
  }
}

function Badge({ tab, numbers }: { tab: Tab; numbers: LogOverview }) {
  const of: Partial<Record<Tab, number>> = {
    streams: totalStreams(numbers.streams),
    rules: numbers.rules,
    tenants: numbers.tenants,
    backfills: numbers.backfills_running,
    outbox: numbers.outbox_waiting,
    files: numbers.problems,
  };
  const n = of[tab];
  if (!n) return null;
  return <span className={`badge lively ${tab === 'files' ? 'bad-text' : ''}`}>{count(n)}</span>;
}

function Subline({ numbers }: { numbers: LogOverview }) {
  const bad = inTrouble(numbers.streams);
  return (
    <p className="subline">
      <span>
        {plural(numbers.rules, 'rule')} over the logs of {plural(numbers.tenants, 'tenant')}
        {numbers.tenants_paused > 0 && `, ${count(numbers.tenants_paused)} of them paused`}.{' '}
        {bad === 0 ? 'Nothing is wrong' : <b className="bad-text">{needALook(bad)}</b>}; the longest lag is{' '}
        {lagText(numbers.lag_millis_max)}.
      </span>
    </p>
  );
}

function Totals({ numbers }: { numbers: LogOverview }) {
  const total = totalStreams(numbers.streams);
  const news = numbers.findings_new.reduce((sum, f) => sum + f.count, 0);
  const of = (severity: string) => numbers.findings_new.find((f) => f.value === severity)?.count ?? 0;
  return (
    <div className="log-totals">
      <section className="card stack tight" aria-label="Streams by state">
        <div className="qlegend lively">
          {[...STREAM_STATES].reverse().map(({ state, meaning }) => (
            <Link
              key={state}
              to="/log"
              search={{ tab: 'streams', state }}
              className={numbers.streams[state] === 0 ? 'none' : ''}
              title={meaning}
              data-stand={state}
            >
              <span className="qname">
                <i className={`swatch l-${state}`}>
                  <StreamShape state={state} />
                </i>
                {streamWord(state)}
              </span>
              <b>{count(numbers.streams[state])}</b>
            </Link>
          ))}
        </div>
        <div className="qbar" role="img" aria-label={`${plural(total, 'stream')} by state`}>
          {[...STREAM_STATES]
            .reverse()
            .map(({ state }) =>
              numbers.streams[state] > 0 ? (
                <i
                  key={state}
                  className={`qpart l-${state}`}
                  style={{ width: `${Math.max(1, (numbers.streams[state] / total) * 100)}%` }}
                />
              ) : null,
            )}
        </div>
      </section>
      <section className="card stack tight" aria-label="Findings that nobody has looked at">
        <div className="qlegend lively">
          <Link to="/findings" search={{ state: 'new' }}>
            <span className="qname">new findings</span>
            <b>{count(news)}</b>
          </Link>
          {SEVERITIES.map((severity) => (
            <Link
              key={severity}
              to="/findings"
              search={{ state: 'new', severity }}
              className={of(severity) === 0 ? 'none' : ''}
            >
              <span className="qname">
                <i className={`swatch sev-${severity}`} />
                {severity}
              </span>
              <b>{count(of(severity))}</b>
            </Link>
          ))}
        </div>
        <Days days={numbers.findings_by_day} now={numbers.now} />
      </section>
    </div>
  );
}

/** Findings of the last days as bars; each is a link to its day. */
function Days({ days, now }: { days: LogOverview['findings_by_day']; now: string }) {
  const end = new Date(now).getTime();
  const shown = Array.from({ length: 14 }, (_, i) => new Date(end - (13 - i) * 86_400_000).toISOString().slice(0, 10));
  const of = (day: string) => days.find((d) => d.value === day)?.count ?? 0;
  const most = Math.max(1, ...shown.map(of));
  return (
    <div className="days">
      {shown.map((day) => (
        <Link
          key={day}
          to="/findings"
          search={{ from: day, to: day }}
          title={`${day}: ${plural(of(day), 'finding')}`}
          aria-label={`${day}: ${plural(of(day), 'finding')}`}
        >
          <i style={{ height: `${of(day) === 0 ? 0 : Math.max(8, (of(day) / most) * 100)}%` }} />
        </Link>
      ))}
    </div>
  );
}

function Troubles({ numbers }: { numbers: LogOverview }) {
  const notes = [...numbers.troubles];
  if (!numbers.running)
    notes.push('No scheduler runs in this server: the records are shown as another one writes them.');
  return (
    <>
      {numbers.problems > 0 && (
        <Note tone="bad">
          <b>{plural(numbers.problems, 'error')} in the definition files.</b>{' '}
          <Link to="/log" search={{ tab: 'files' }}>
            What is wrong, and where
          </Link>
        </Note>
      )}
      {notes.map((text) => (
        <Note key={text} tone="warn">
          {text}
        </Note>
      ))}
    </>
  );
}

const NotConfigured = () => (
  <Empty icon={IconListSearch} title="This server has no log hunts" cli="lycaon log check ./log-hunts">
    <p>
      A log hunt asks a question of customers’ log stores on a schedule, with a checkpoint for each stream. Put tenants
      and rules into a folder and name it in server.yaml:
    </p>
    <pre className="code">{'log_hunts:\n  folder: log-hunts'}</pre>
  </Empty>
);

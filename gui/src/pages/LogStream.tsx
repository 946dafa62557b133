// Was every stretch of this stream evaluated, by which revision, and what is in the way?

import { Button, CloseButton, Modal, NativeSelect, TextInput } from '@mantine/core';
import { IconPlayerPlay, IconScissors, IconTimeline } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useState } from 'react';
import * as logs from '../api/logs';
import { get, queryText } from '../api/request';
import type {
  LogActReport,
  LogLedgerName,
  LogRunPage,
  LogRunView,
  LogStreamView,
  LogWindowPage,
  LogWindowView,
} from '../api/schema';
import { lagText, newest, type Stretch } from '../lib/logs';
import { bytes, count, middle, plural, shellWord } from '../lib/text';
import { Act } from '../ui/Act';
import { DataTable, type WorkColumn } from '../ui/DataTable';
import { ledgerSearch, PositionText, RuleLink, StreamMark, TenantLink, WindowMark } from '../ui/logs';
import { apiUrl, Bones, CliFold, Empty, ErrorNote, Moment, Note, useTitle } from '../ui/parts';
import { Timeline } from './log/Timeline';
import { WindowFacts } from './log/WindowFacts';

function usePlace() {
  const at = useParams({ from: '/log/streams/$tenant/$dataset/$rule' });
  const search = useSearch({ from: '/log/streams/$tenant/$dataset/$rule' });
  const navigate = useNavigate({ from: '/log/streams/$tenant/$dataset/$rule' });
  const change = useCallback(
    (part: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true }),
    [navigate],
  );
  return { at, search, change };
}
type Place = ReturnType<typeof usePlace>;

const TABS = [
  ['windows', 'Windows'],
  ['runs', 'Attempts'],
  ['about', 'About'],
] as const;
const DAY = 86_400_000;

export function LogStreamPage() {
  const { at, search, change } = usePlace();
  const ledger = useMemo(
    () => ({ part: search.part, epoch: search.epoch, lane: search.lane }),
    [search.part, search.epoch, search.lane],
  );
  const { data: stream, error, refetch } = useQuery(logs.stream(at, ledger));
  const [doing, setDoing] = useState<'continue' | 'waive' | null>(null);
  useTitle(`${at.rule} at ${at.tenant}`);
  const tab = TABS.find(([t]) => t === search.tab)?.[0] ?? 'windows';
  const query = queryText(ledger);
  return (
    <div className={`page stream-page ${tab === 'about' ? '' : 'fill'}`}>
      <header className="page-head">
        <div className="grow">
          <p className="crumb">
            <Link to="/log" search={{ tab: 'streams' }}>
              Streams
            </Link>
          </p>
          <h1>
            Stream: {at.rule} at {at.tenant}
          </h1>
          <p className="subline row wrap">
            {stream && <StreamMark state={stream.state} pill />}
            <RuleLink name={at.rule} /> over {at.dataset} of <TenantLink name={at.tenant} />
            {stream?.schedule && <span>{stream.schedule}</span>}
          </p>
        </div>
        {stream && (
          <div className="actions">
            {stream.ledgers.length > 1 && <LedgerChoice stream={stream} change={change} />}
            {stream.state === 'stopped' && (
              <Button leftSection={<IconPlayerPlay size={15} />} onClick={() => setDoing('continue')}>
                Continue…
              </Button>
            )}
            <Button variant="default" leftSection={<IconScissors size={15} />} onClick={() => setDoing('waive')}>
              Waive a range…
            </Button>
          </div>
        )}
      </header>
      {error && !stream && <ErrorNote what="Could not load this stream" error={error} retry={() => void refetch()} />}
      {!stream && !error && <Bones lines={7} />}
      {stream && (
        <>
          {stream.failure && (
            <Note tone={stream.state === 'stopped' ? 'bad' : 'warn'} title={headline(stream)}>
              <p title={stream.failure}>{middle(stream.failure, 360)}</p>
            </Note>
          )}
          <Numbers stream={stream} />
          <Line at={at} ledger={ledger} search={search} change={change} />
          <nav className="tabs" aria-label="Parts of this stream">
            {TABS.map(([t, label]) => (
              <Link
                key={t}
                to="/log/streams/$tenant/$dataset/$rule"
                params={at}
                search={{ ...search, tab: t === 'windows' ? undefined : t, state: undefined }}
                activeOptions={{ exact: true, includeSearch: true }}
                activeProps={{ 'aria-current': undefined }}
                aria-current={t === tab ? 'page' : undefined}
              >
                {label}
              </Link>
            ))}
          </nav>
          {tab === 'windows' && <Windows at={at} ledger={ledger} search={search} change={change} stream={stream} />}
          {tab === 'runs' && <Runs at={at} ledger={ledger} domain={stream.domain} />}
          {tab === 'about' && <About stream={stream} />}
        </>
      )}
      <CliFold
        cli={[
          `lycaon log ledger --tenant ${shellWord(at.tenant)} --rule ${shellWord(at.rule)}`,
          ...(search.window ? [`lycaon log explain ${search.window}`] : []),
        ]}
        api={[apiUrl(`${logs.streamPath(at)}${query}`), apiUrl(`${logs.streamPath(at)}/windows${query}`)]}
      />
      {doing === 'continue' && (
        <Act
          title="Continue this stream"
          action="Continue"
          about={`${at.tenant} ${at.rule}`}
          act={(body) => logs.goOn(at, query, body)}
          close={() => setDoing(null)}
        />
      )}
      {doing === 'waive' && <WaiveRange at={at} query={query} search={search} close={() => setDoing(null)} />}
    </div>
  );
}

function headline(stream: LogStreamView): string {
  if (stream.state === 'stopped') return 'It waits for a person';
  if (stream.state === 'closed') return 'Its epoch is over';
  return `The last run failed${stream.failure_class ? ` (${stream.failure_class.replace('_', ' ')})` : ''}`;
}

const ledgerText = (l: LogLedgerName) =>
  [l.lane, l.part && `part ${l.part}`, l.epoch > 0 && `epoch ${l.epoch}`].filter(Boolean).join(', ');
const sameLedger = (a: LogLedgerName, b: LogLedgerName) =>
  a.part === b.part && a.epoch === b.epoch && a.lane === b.lane;

function LedgerChoice({ stream, change }: { stream: LogStreamView; change: Place['change'] }) {
  const all = stream.ledgers;
  return (
    <NativeSelect
      size="xs"
      aria-label="Ledger"
      value={String(all.findIndex((l) => sameLedger(l, stream.ledger)))}
      onChange={(e) => {
        const chosen = all[Number(e.currentTarget.value)]!;
        // An older epoch is named even when it is the first.
        const newest = !all.some((l) => l.lane === chosen.lane && l.part === chosen.part && l.epoch > chosen.epoch);
        change({
          ...ledgerSearch(chosen),
          epoch: newest ? undefined : String(chosen.epoch),
          from: undefined,
          to: undefined,
          window: undefined,
        });
      }}
      data={all.map((l, i) => ({ value: String(i), label: ledgerText(l) }))}
    />
  );
}

function Numbers({ stream }: { stream: LogStreamView }) {
  const windows = (state: string) => stream.windows.find((w) => w.value === state)?.count ?? 0;
  const open = windows('planned') + windows('leased') + windows('running') + windows('backoff');
  return (
    <dl className="facts numbers lively">
      <div>
        <dt>Checkpoint</dt>
        <dd>
          <PositionText at={stream.checkpoint} domain={stream.domain} />
        </dd>
      </div>
      <div>
        <dt>Lag</dt>
        <dd>{lagText(stream.lag_millis)}</dd>
      </div>
      <div>
        <dt>Last run</dt>
        <dd>
          <Moment at={stream.last_run} near />
        </dd>
      </div>
      <div>
        <dt>Next tick</dt>
        <dd>{stream.paused ? `paused (${stream.paused})` : <Moment at={stream.next_tick} near />}</dd>
      </div>
      <div>
        <dt>Windows</dt>
        <dd>
          {count(windows('committed'))} committed, {count(open)} open
          {windows('quarantined') > 0 && <b className="bad-text">, {count(windows('quarantined'))} given up</b>}
          {windows('waived') > 0 && `, ${count(windows('waived'))} waived`}
        </dd>
      </div>
    </dl>
  );
}

type Ledger = { part?: string; epoch?: string; lane?: string };

function Line({ at, ledger, search, change }: Place & { ledger: Ledger }) {
  // At first the newest day; `all` shows everything.
  const whole = useQuery({ ...logs.timeline(at, { ...ledger, segments: 1 }), enabled: !search.from });
  const first = whole.data && newest(whole.data, DAY);
  const range: Stretch | undefined =
    search.from && search.from !== 'all'
      ? { from: Number(search.from), to: Number(search.to ?? 0) }
      : search.from === 'all'
        ? undefined
        : first;
  const ready = search.from !== undefined || whole.data !== undefined;
  const { data, error, refetch } = useQuery({
    ...logs.timeline(at, { ...ledger, from: range?.from, to: range?.to }),
    enabled: ready,
  });
  if (error && !data)
    return <ErrorNote what="Could not load the timeline" error={error} retry={() => void refetch()} />;
  if (!data) return <div className="card bone tall" />;
  return (
    <Timeline
      line={data}
      selected={search.window}
      show={(stretch) =>
        change(stretch ? { from: String(stretch.from), to: String(stretch.to) } : { from: 'all', to: undefined })
      }
      open={(window) => change({ window })}
    />
  );
}

const WINDOW_COLUMNS: WorkColumn<LogWindowView>[] = [
  { id: 'state', title: 'State', width: 160, cell: (w) => <WindowMark state={w.state} /> },
  { id: 'from', title: 'From', width: 180, cell: (w) => <PositionText at={w.from} /> },
  { id: 'to', title: 'To', width: 180, cell: (w) => <PositionText at={w.to} /> },
  {
    id: 'rows',
    title: 'Matches',
    width: 84,
    right: true,
    cell: (w) => (w.evidence ? count(w.evidence.rows) : <span className="dim">–</span>),
  },
  {
    id: 'new',
    title: 'New',
    width: 70,
    right: true,
    cell: (w) => (w.evidence ? count(w.evidence.findings_new) : <span className="dim">–</span>),
  },
  {
    id: 'bytes',
    title: 'Read',
    width: 90,
    right: true,
    cell: (w) => (w.evidence ? bytes(w.evidence.bytes) : <span className="dim">–</span>),
  },
  {
    id: 'took',
    title: 'Took',
    width: 90,
    right: true,
    cell: (w) => (w.evidence ? lagText(w.evidence.took_millis) : <span className="dim">–</span>),
  },
  { id: 'attempts', title: 'Failed', width: 70, right: true, cell: (w) => count(w.attempts) },
  { id: 'moved', title: 'Moved', width: 116, cell: (w) => <Moment at={w.moved_at} near /> },
  { id: 'revision', title: 'Revision', width: 150, cell: (w) => <code>{w.evidence?.revision ?? ''}</code> },
  { id: 'reason', title: 'Why', width: 380, cell: (w) => <span title={w.reason ?? ''}>{w.reason}</span> },
];

function Windows({ at, ledger, search, change, stream }: Place & { ledger: Ledger; stream: LogStreamView }) {
  const range = search.from && search.from !== 'all' ? { from: search.from, to: search.to } : {};
  const query = { ...ledger, ...range, state: search.state, desc: true };
  useEscape(search.window !== undefined, () => change({ window: undefined }));
  return (
    <DataTable<LogWindowView>
      name="log-windows"
      label="Windows, newest first"
      noun={['window', 'windows']}
      columns={WINDOW_COLUMNS}
      queryKey={['log', 'windows', at, query]}
      every={logs.LOG_EVERY}
      fetchPage={(offset, limit, signal) =>
        get<LogWindowPage>(`${logs.streamPath(at)}/windows`, { ...query, offset, limit }, signal)
      }
      rowKey={(w) => w.id}
      selected={search.window}
      onOpen={(w) => change({ window: w.id })}
      toolbar={
        <NativeSelect
          size="xs"
          aria-label="State"
          value={search.state ?? ''}
          onChange={(e) => change({ state: e.currentTarget.value || undefined })}
          data={[
            { value: '', label: 'Any state' },
            { value: 'open', label: 'Open' },
            ...['committed', 'backoff', 'quarantined', 'waived', 'split', 'superseded'],
          ]}
        />
      }
      empty={
        <Empty
          icon={IconTimeline}
          title="No window here"
          cli={`lycaon log ledger --tenant ${shellWord(stream.tenant)} --rule ${shellWord(stream.rule)}`}
        >
          {(search.state || search.from) && (
            <Button variant="default" onClick={() => change({ state: undefined, from: 'all', to: undefined })}>
              Show all windows
            </Button>
          )}
        </Empty>
      }
      beside={
        search.window ? (
          <aside className="side" aria-label="The window" tabIndex={0}>
            <div className="side-head">
              <strong className="grow">Window</strong>
              <CloseButton size="sm" aria-label="Close the window" onClick={() => change({ window: undefined })} />
            </div>
            <WindowFacts id={search.window} />
          </aside>
        ) : null
      }
    />
  );
}

export function useEscape(on: boolean, act: () => void) {
  useEffect(() => {
    if (!on) return;
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (event.key === 'Escape' && !document.querySelector('[role="dialog"]')) act();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [on, act]);
}

const RUN_COLUMNS: WorkColumn<LogRunView>[] = [
  { id: 'outcome', title: 'Outcome', width: 120, cell: (r) => <WindowMark state={r.outcome} /> },
  { id: 'ended', title: 'Ended', width: 184, cell: (r) => <Moment at={r.ended_at} /> },
  { id: 'from', title: 'From', width: 180, cell: (r) => <PositionText at={r.from} /> },
  { id: 'to', title: 'To', width: 180, cell: (r) => <PositionText at={r.to} /> },
  {
    id: 'took',
    title: 'Took',
    width: 90,
    right: true,
    cell: (r) => (r.took_millis == null ? '' : lagText(r.took_millis)),
  },
  { id: 'rows', title: 'Matches', width: 84, right: true, cell: (r) => (r.rows == null ? '' : count(r.rows)) },
  { id: 'bytes', title: 'Read', width: 90, right: true, cell: (r) => (r.bytes == null ? '' : bytes(r.bytes)) },
  { id: 'owner', title: 'By', width: 140, cell: (r) => r.owner },
  { id: 'token', title: 'Token', width: 70, right: true, cell: (r) => count(r.token) },
  { id: 'reason', title: 'Why', width: 420, cell: (r) => <span title={r.reason ?? ''}>{r.reason}</span> },
];

function Runs({ at, ledger, domain }: { at: logs.StreamPlace; ledger: Ledger; domain: string }) {
  return (
    <DataTable<LogRunView>
      name="log-runs"
      label="Attempts, newest first"
      noun={['attempt', 'attempts']}
      columns={RUN_COLUMNS}
      queryKey={['log', 'runs', at, ledger, domain]}
      every={logs.LOG_EVERY}
      fetchPage={(offset, limit, signal) =>
        get<LogRunPage>(`${logs.streamPath(at)}/runs`, { ...ledger, offset, limit }, signal)
      }
      rowKey={(r) => `${r.token}-${r.ended_at}`}
      empty={<Empty icon={IconTimeline} title="Nothing was tried yet" />}
    />
  );
}

function About({ stream }: { stream: LogStreamView }) {
  return (
    <section className="card stack tight" aria-label="Facts">
      <dl className="facts">
        <dt>Positions count</dt>
        <dd>{stream.domain.replace('_', ' ')}</dd>
        <dt>Begins at</dt>
        <dd>
          <PositionText at={stream.t0} domain={stream.domain} />
        </dd>
        <dt>Cut up to</dt>
        <dd>
          <PositionText at={stream.planned_to} domain={stream.domain} />
        </dd>
        <dt>Interval</dt>
        <dd>{lagText(stream.interval_millis)}</dd>
        <dt>Opened</dt>
        <dd>
          <Moment at={stream.opened_at} />
        </dd>
        <dt>Last tick</dt>
        <dd>
          <Moment at={stream.last_tick} />
        </dd>
        <dt>Last seen to</dt>
        <dd>
          <Moment at={stream.heartbeat} />
        </dd>
        <dt>Last token</dt>
        <dd>{count(stream.token)}</dd>
        <dt>Source</dt>
        <dd className="mono">{stream.source_identity ?? '–'}</dd>
        <dt>Ledgers</dt>
        <dd>
          {plural(stream.ledgers.length, 'ledger')}: {stream.ledgers.map(ledgerText).join('; ')}
        </dd>
      </dl>
    </section>
  );
}

/** Which range, then what that would touch. */
function WaiveRange(props: { at: logs.StreamPlace; query: string; search: Place['search']; close: () => void }) {
  const { at, query, search, close } = props;
  const number = (text?: string) => (text && text !== 'all' ? text : '');
  const [from, setFrom] = useState(number(search.from));
  const [to, setTo] = useState(number(search.to));
  const [chosen, setChosen] = useState<{ from: string; to: string } | null>(null);
  if (chosen)
    return (
      <Act
        title="Waive a range"
        action="Waive"
        danger
        about={`${chosen.from} ${chosen.to}`}
        act={(body): Promise<LogActReport> => logs.waiveRange(at, query, { ...chosen, ...body })}
        close={close}
      />
    );
  return (
    <Modal opened onClose={close} title={<strong>Waive a range</strong>} lockScroll={false} centered>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (from.trim() && to.trim()) setChosen({ from: from.trim(), to: to.trim() });
        }}
      >
        <p>What nobody has read of this range will not be read. The ledger keeps it as waived, with your reason.</p>
        <TextInput
          label="From"
          description="A moment in UTC such as 2026-01-31T08:00:00Z, a day, or a position"
          value={from}
          onChange={(e) => setFrom(e.currentTarget.value)}
          data-autofocus
        />
        <TextInput label="To" value={to} onChange={(e) => setTo(e.currentTarget.value)} />
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={close}>
            Leave it
          </Button>
          <Button type="submit" disabled={!from.trim() || !to.trim()}>
            What would that touch?
          </Button>
        </div>
      </form>
    </Modal>
  );
}

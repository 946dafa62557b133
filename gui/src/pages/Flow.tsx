// What did this collection bring, and how did it go?

import { Button, Tooltip } from '@mantine/core';
import { IconDownload, IconFiles, IconListDetails, IconTable, IconTargetArrow } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useCallback, useState } from 'react';
import * as ask from '../api/queries';
import { get, part } from '../api/request';
import type { FlowView, LogPage, LogView, UploadPage, UploadView } from '../api/schema';
import { bytes, count, middle, millis, plural } from '../lib/text';
import { Confirm } from '../ui/Confirm';
import { DataTable, type WorkColumn } from '../ui/DataTable';
import { ClientLink, HuntLink } from '../ui/links';
import { apiUrl, Bones, CliFold, Copy, Empty, ErrorNote, Moment, Note, useTitle } from '../ui/parts';
import { RowsTable, type RowsState } from '../ui/RowsTable';
import { FlowState, LogLevel } from '../ui/State';
import { say, sayError } from '../ui/toast';
import { Calls } from './hunt/Overview';

const TABS = ['results', 'log', 'uploads', 'request'] as const;
const under = (flow: FlowView) => flow.state === 'running' || flow.state === 'queued';

export function FlowPage() {
  const { flow: id } = useParams({ from: '/flows/$flow' });
  const search = useSearch({ from: '/flows/$flow' });
  const navigate = useNavigate({ from: '/flows/$flow' });
  const change = useCallback(
    (part: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true }),
    [navigate],
  );
  const { data: flow, error, refetch } = useQuery(ask.flow(id));
  useTitle(flow ? `${flow.artifacts.map((a) => a.name).join(', ')} on ${flow.hostname}` : 'Flow');
  if (error && !flow) {
    return (
      <div className="page">
        <h1>Flow</h1>
        <ErrorNote what="Could not load this flow" error={error} retry={() => void refetch()} />
      </div>
    );
  }
  if (!flow) {
    return (
      <div className="page">
        <Bones lines={6} />
      </div>
    );
  }
  const tab = TABS.find((t) => t === search.tab) ?? 'results';
  const badge = { results: flow.rows, uploads: flow.uploads, log: undefined, request: undefined };
  return (
    <div className={`page ${tab === 'request' ? '' : 'fill'}`}>
      <Head flow={flow} />
      <nav className="tabs" aria-label="Parts of this flow">
        {TABS.map((t) => (
          <Link
            key={t}
            to="/flows/$flow"
            params={{ flow: id }}
            search={t === 'results' ? {} : { tab: t }}
            activeProps={{ 'aria-current': undefined }}
            aria-current={t === tab ? 'page' : undefined}
          >
            {t === 'uploads' ? 'Files' : t[0]!.toUpperCase() + t.slice(1)}
            {badge[t] !== undefined && <span className="badge lively">{count(badge[t])}</span>}
          </Link>
        ))}
      </nav>
      {tab === 'results' && <Results flow={flow} search={search} change={change} />}
      {tab === 'log' && <Log flow={flow} />}
      {tab === 'uploads' && <Uploads flow={flow} />}
      {tab === 'request' && (
        <section className="card">
          <h2>What it asked</h2>
          <Calls calls={flow.artifacts} />
        </section>
      )}
      <CliFold
        cli={[`lycaon flow show ${id}`, `lycaon flow results ${id} --format jsonl`]}
        api={[apiUrl(`/flows/${id}`), apiUrl(`/flows/${id}/results?limit=1000`), apiUrl(`/flows/${id}/log`)]}
      />
    </div>
  );
}

function Head({ flow }: { flow: FlowView }) {
  const [asking, setAsking] = useState(false);
  const [making, setMaking] = useState(false);
  const navigate = useNavigate();
  async function askMany() {
    setMaking(true);
    try {
      const made = await ask.huntOfFlow(flow.id, {});
      say(`Made as a draft: ${made.spec.name}`);
      void navigate({ to: '/hunts/$hunt', params: { hunt: made.id }, search: { tab: 'condition' } });
    } catch (error) {
      sayError('Could not make a hunt of it', error);
      setMaking(false);
    }
  }
  const took = flow.started ? new Date(flow.ended ?? Date.now()).getTime() - new Date(flow.started).getTime() : null;
  return (
    <>
      <header className="page-head">
        <div className="grow">
          <div className="row wrap">
            <h1>
              {flow.artifacts.map((a) => a.name).join(', ')} on{' '}
              <ClientLink id={flow.client} name={flow.hostname || undefined} />
            </h1>
            <FlowState state={flow.state} pill />
          </div>
          <div className="subline">
            <span className="row" style={{ gap: 2 }}>
              <code>{flow.id}</code>
              <Copy text={flow.id} label="Copy the id" size="xs" />
            </span>
            {flow.hunt && (
              <span>
                of hunt <HuntLink id={flow.hunt} />
              </span>
            )}
            <span>
              asked for by {flow.actor} <Moment at={flow.created} near />
            </span>
            {flow.attempt > 1 && <span>attempt {flow.attempt}</span>}
            {took !== null && flow.ended && <span>took {millis(Math.max(0, took))}</span>}
            {flow.cpu_millis > 0 && <span>{millis(flow.cpu_millis)} of processor time</span>}
            {flow.uploads > 0 && (
              <span>
                {plural(flow.uploads, 'file')}, {bytes(flow.upload_bytes)}
              </span>
            )}
          </div>
        </div>
        <div className="actions">
          <Tooltip
            label="Makes a draft of a hunt that collects the same, with the same limits"
            multiline
            w={260}
            withArrow
          >
            <Button
              variant="default"
              leftSection={<IconTargetArrow size={14} />}
              loading={making}
              onClick={() => void askMany()}
            >
              Ask many
            </Button>
          </Tooltip>
          <Button
            component="a"
            variant="default"
            leftSection={<IconDownload size={14} />}
            href={`/api/v1/flows/${flow.id}/export.zip`}
            download
          >
            Zip
          </Button>
          {under(flow) && (
            <Button variant="default" className="danger" onClick={() => setAsking(true)}>
              Cancel
            </Button>
          )}
        </div>
      </header>
      {flow.state === 'failed' && (
        <Note tone="bad" title="It failed">
          <p>{flow.reason || 'No reason was given.'}</p>
        </Note>
      )}
      {asking && (
        <Confirm
          title="Cancel this flow?"
          action="Cancel the flow"
          danger
          act={async () => {
            ask.queryClient.setQueryData(['flow', flow.id], await ask.cancelFlow(flow.id));
            say('The flow is cancelled');
          }}
          close={() => setAsking(false)}
        >
          <p>
            One flow on {flow.hostname} ends. {plural(flow.rows, 'row')} {flow.rows === 1 ? 'has' : 'have'} arrived and{' '}
            {flow.rows === 1 ? 'stays' : 'stay'} readable here.
          </p>
        </Confirm>
      )}
    </>
  );
}

function Results({ flow, search, change }: { flow: FlowView; search: RowsState; change: (part: RowsState) => void }) {
  const sources = useQuery(ask.flowSources(flow.id));
  if (sources.isPending) return <Bones />;
  if (!sources.data)
    return <ErrorNote what="Could not load the results" error={sources.error} retry={() => void sources.refetch()} />;
  return (
    <RowsTable
      cacheKey={['flow-rows', flow.id]}
      path={`/flows/${part(flow.id)}/results`}
      sources={sources.data}
      state={search}
      change={change}
      across={false}
      zip={`/api/v1/flows/${flow.id}/export.zip`}
      zipSays="rows as JSON lines and CSV, log, files, a manifest with hashes"
      fileName={`${flow.hostname.replace(/[^\w.-]+/g, '-')}-rows`}
      empty={
        <Empty icon={IconTable} title={under(flow) ? 'No rows yet' : 'It brought no rows'}>
          <p>
            {flow.state === 'queued'
              ? 'It begins when the client takes it.'
              : under(flow)
                ? 'They appear here by themselves.'
                : 'The log says what it did.'}
          </p>
        </Empty>
      }
    />
  );
}

const LOG_COLUMNS: WorkColumn<LogView>[] = [
  { id: 'time', title: 'Time (of the client)', width: 184, cell: (l) => <Moment at={l.time} /> },
  { id: 'level', title: 'Level', width: 96, cell: (l) => <LogLevel level={l.level} /> },
  {
    id: 'text',
    title: 'Said',
    width: 640,
    cell: (l) => <span title={l.text.length > 90 ? l.text : undefined}>{l.text}</span>,
  },
];

function Log({ flow }: { flow: FlowView }) {
  return (
    <DataTable<LogView>
      name="flow-log"
      label="Log of this flow"
      noun={['line', 'lines']}
      columns={LOG_COLUMNS}
      rowHeight={30}
      queryKey={['flow-log', flow.id]}
      every={under(flow) ? 3000 : undefined}
      fetchPage={(offset, limit, signal) => get<LogPage>(`/flows/${part(flow.id)}/log`, { offset, limit }, signal)}
      rowKey={(_, i) => String(i)}
      empty={<Empty icon={IconListDetails} title="The log is empty" />}
    />
  );
}

const UPLOAD_COLUMNS: WorkColumn<UploadView>[] = [
  {
    id: 'path',
    title: 'Path on the client',
    width: 420,
    cell: (u) => (
      <span className="mono" title={u.path}>
        {middle(u.path, 90)}
      </span>
    ),
  },
  { id: 'size', title: 'Size', width: 96, right: true, cell: (u) => bytes(u.size) },
  {
    id: 'get',
    title: 'Download',
    width: 116,
    cell: (u) =>
      u.stored ? (
        <a href={`/api/v1/uploads/${part(u.id)}/content`} download>
          Download
        </a>
      ) : (
        <span className="dim">arriving</span>
      ),
  },
  {
    id: 'sha256',
    title: 'SHA-256',
    width: 250,
    cell: (u) =>
      u.sha256 ? (
        <span className="row">
          <code title={u.sha256}>{middle(u.sha256, 24)}</code>
          <Copy text={u.sha256} label="Copy the hash" size="xs" />
        </span>
      ) : (
        <span className="dim">–</span>
      ),
  },
  { id: 'accessor', title: 'Read through', width: 110, cell: (u) => u.accessor },
  { id: 'stored', title: 'Complete', width: 184, cell: (u) => <Moment at={u.stored} /> },
];

function Uploads({ flow }: { flow: FlowView }) {
  return (
    <DataTable<UploadView>
      name="flow-uploads"
      label="Files of this flow"
      noun={['file', 'files']}
      columns={UPLOAD_COLUMNS}
      queryKey={['flow-uploads', flow.id]}
      every={under(flow) ? 3000 : undefined}
      fetchPage={(offset, limit, signal) =>
        get<UploadPage>(`/flows/${part(flow.id)}/uploads`, { offset, limit }, signal)
      }
      rowKey={(u) => u.id}
      empty={<Empty icon={IconFiles} title={under(flow) ? 'No files yet' : 'It brought no files'} />}
    />
  );
}

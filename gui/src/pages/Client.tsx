// What is this endpoint, and what has been collected from it?

import { ActionIcon, Button, Menu, Modal, TagsInput } from '@mantine/core';
import { IconDotsVertical, IconPencil, IconPlayerPlay, IconStack2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useState } from 'react';
import * as ask from '../api/queries';
import { get, part } from '../api/request';
import type { ClientView, FlowPage, FlowView } from '../api/schema';
import { count } from '../lib/text';
import { Confirm } from '../ui/Confirm';
import { DataTable, type WorkColumn } from '../ui/DataTable';
import { FlowLink, HuntLink } from '../ui/links';
import { apiUrl, Bones, CliFold, Copy, Empty, ErrorNote, Labels, Moment, Note, useTitle } from '../ui/parts';
import { FlowState, Online } from '../ui/State';
import { say } from '../ui/toast';

const Checkpoints = lazy(() => import('./client/Checkpoints').then((m) => ({ default: m.Checkpoints })));
const Monitored = lazy(() => import('./client/Monitored').then((m) => ({ default: m.Monitored })));
const Collect = lazy(() => import('./client/Collect').then((m) => ({ default: m.Collect })));

const FLOW_COLUMNS: WorkColumn<FlowView>[] = [
  { id: 'state', title: 'State', width: 112, cell: (f) => <FlowState state={f.state} /> },
  { id: 'artifacts', title: 'Collected', width: 280, cell: (f) => f.artifacts.map((a) => a.name).join(', ') },
  { id: 'rows', title: 'Rows', width: 90, right: true, cell: (f) => <span className="lively">{count(f.rows)}</span> },
  { id: 'uploads', title: 'Files', width: 76, right: true, cell: (f) => count(f.uploads) },
  { id: 'created', title: 'Asked for', width: 184, cell: (f) => <Moment at={f.created} /> },
  { id: 'actor', title: 'By', width: 110, cell: (f) => f.actor },
  {
    id: 'hunt',
    title: 'Hunt',
    width: 150,
    cell: (f) => (f.hunt ? <HuntLink id={f.hunt} /> : <span className="dim">–</span>),
  },
  { id: 'reason', title: 'Why it failed', width: 230, cell: (f) => <span title={f.reason}>{f.reason}</span> },
  { id: 'flow', title: 'Flow', width: 150, cell: (f) => <FlowLink id={f.id} /> },
];

const TABS = [
  { tab: 'flows', label: 'Flows' },
  { tab: 'monitoring', label: 'Monitoring' },
  { tab: 'checkpoints', label: 'Checkpoints' },
] as const;

export function ClientPage() {
  const { client: id } = useParams({ from: '/clients/$client' });
  const search = useSearch({ from: '/clients/$client' });
  const navigate = useNavigate({ from: '/clients/$client' });
  const { data: client, error, refetch } = useQuery(ask.client(id));
  useTitle(client?.hostname || 'Client');
  const tab = TABS.find((one) => one.tab === search.tab)?.tab ?? 'flows';
  const change = useCallback(
    (some: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...some }), replace: true }),
    [navigate],
  );
  if (error && !client) {
    return (
      <div className="page">
        <h1>Client</h1>
        <ErrorNote what="Could not load this client" error={error} retry={() => void refetch()} />
        <Link to="/clients" search={{}}>
          All clients
        </Link>
      </div>
    );
  }
  if (!client) {
    return (
      <div className="page">
        <Bones lines={6} />
      </div>
    );
  }
  return (
    <div className="page">
      <Head client={client} collect={() => void navigate({ search: { collect: 'yes' } })} />
      {client.revoked_at && (
        <Note tone="warn" title="Its certificate was revoked">
          <p>
            <Moment at={client.revoked_at} />: it can no longer connect. What it sent stays.
          </p>
        </Note>
      )}
      <Facts client={client} />
      <nav className="tabs" aria-label="Parts of this client">
        {TABS.map(({ tab: t, label }) => (
          <Link
            key={t}
            to="/clients/$client"
            params={{ client: id }}
            search={t === 'flows' ? {} : { tab: t }}
            activeOptions={{ exact: true, includeSearch: true }}
            activeProps={{ 'aria-current': undefined }}
            aria-current={t === tab ? 'page' : undefined}
          >
            {label}
          </Link>
        ))}
      </nav>
      {tab === 'flows' && <Flows id={id} />}
      <Suspense fallback={<Bones />}>
        {tab === 'monitoring' && <Monitored client={id} state={search} change={change} />}
        {tab === 'checkpoints' && <Checkpoints client={id} />}
      </Suspense>
      {search.collect && (
        <Suspense fallback={null}>
          <Collect client={client} close={() => void navigate({ search: {} })} />
        </Suspense>
      )}
    </div>
  );
}

function Flows({ id }: { id: string }) {
  const navigate = useNavigate();
  return (
    <>
      <DataTable<FlowView>
        name="client-flows"
        label="Flows of this client"
        noun={['flow', 'flows']}
        columns={FLOW_COLUMNS}
        bounded
        queryKey={['client-flows', id]}
        fetchPage={(offset, limit, signal) => get<FlowPage>(`/clients/${part(id)}/flows`, { offset, limit }, signal)}
        rowKey={(f) => f.id}
        onOpen={(f) => void navigate({ to: '/flows/$flow', params: { flow: f.id }, search: {} })}
        empty={
          <Empty
            icon={IconStack2}
            title="Nothing has been collected from it"
            cli={`lycaon flow start ${id} Linux.Sys.Users`}
          >
            <p>Collect an artifact now, or let a hunt ask it.</p>
          </Empty>
        }
      />
      <CliFold
        cli={[`lycaon client show ${id}`, `lycaon client label ${id} +investigate`, `lycaon flow start ${id} ARTIFACT`]}
        api={[apiUrl(`/clients/${id}`), apiUrl(`/clients/${id}/flows`)]}
      />
    </>
  );
}

function Head({ client, collect }: { client: ClientView; collect: () => void }) {
  const [revoking, setRevoking] = useState(false);
  const [labelling, setLabelling] = useState(false);
  return (
    <header className="page-head">
      <div className="grow">
        <div className="row wrap">
          <h1>{client.hostname || client.id}</h1>
          <span className="pill">
            <Online online={client.online} revoked={!!client.revoked_at} />
          </span>
          <Labels items={client.labels} wrap />
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label="Edit the labels"
            onClick={() => setLabelling(true)}
          >
            <IconPencil size={15} />
          </ActionIcon>
        </div>
        <div className="subline">
          <span className="row" style={{ gap: 2 }}>
            <code>{client.id}</code>
            <Copy text={client.id} label="Copy the id" size="xs" />
          </span>
          <span>
            heard of <Moment at={client.last_seen} near />
          </span>
        </div>
      </div>
      <div className="actions">
        <Button leftSection={<IconPlayerPlay size={14} />} disabled={!!client.revoked_at} onClick={collect}>
          Collect…
        </Button>
        <Menu position="bottom-end" withinPortal shadow="md">
          <Menu.Target>
            <ActionIcon variant="default" size={30} aria-label="More actions">
              <IconDotsVertical size={16} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => setLabelling(true)}>Edit labels</Menu.Item>
            <Menu.Item component={Link} {...({ to: '/hunts/new', search: { client: client.id } } as object)}>
              New hunt for it
            </Menu.Item>
            <Menu.Item color="red" disabled={!!client.revoked_at} onClick={() => setRevoking(true)}>
              Revoke its certificate
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </div>
      {revoking && <Revoke client={client} close={() => setRevoking(false)} />}
      {labelling && <EditLabels client={client} close={() => setLabelling(false)} />}
    </header>
  );
}

function remember(view: ClientView) {
  ask.queryClient.setQueryData(['client', view.id], view);
  void ask.queryClient.invalidateQueries({ queryKey: ['clients'] });
}

function Revoke({ client, close }: { client: ClientView; close: () => void }) {
  const flows = useQuery({
    queryKey: ['client-flows', client.id, 'under-way'],
    queryFn: ({ signal }) => get<FlowPage>(`/clients/${part(client.id)}/flows`, { state: 'running', limit: 1 }, signal),
    staleTime: 0,
  });
  const under = flows.data?.total ?? 0;
  return (
    <Confirm
      title={`Revoke ${client.hostname || client.id}?`}
      action="Revoke"
      danger
      type={client.hostname || client.id}
      act={async () => {
        remember(await ask.revokeClient(client.id));
        say('The certificate is revoked');
      }}
      close={close}
    >
      <p>
        One client loses its certificate: it is disconnected {client.online ? 'now' : ''} and cannot come back with this
        key.{' '}
        {flows.data ? `${count(under)} of its flows ${under === 1 ? 'is' : 'are'} under way and will not finish.` : ''}{' '}
        What it sent stays. This cannot be undone.
      </p>
    </Confirm>
  );
}

function EditLabels({ client, close }: { client: ClientView; close: () => void }) {
  const [labels, setLabels] = useState(client.labels);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function save(event: React.FormEvent) {
    event.preventDefault();
    setBusy(true);
    try {
      const add = labels.filter((l) => !client.labels.includes(l));
      const removed = client.labels.filter((l) => !labels.includes(l));
      remember(await ask.changeLabels(client.id, { add, remove: removed }));
      close();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  }
  return (
    <Modal opened onClose={close} lockScroll={false} title={<strong>Labels of {client.hostname || client.id}</strong>}>
      <form className="stack" onSubmit={(event) => void save(event)}>
        <TagsInput
          label="Labels"
          description="Running hunts ask it again when they change"
          data={[]}
          splitChars={[',', ' ', ';']}
          value={labels}
          onChange={setLabels}
          data-autofocus
        />
        {error !== null && <ErrorNote what="The labels were not changed" error={error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={close}>
            Leave it
          </Button>
          <Button type="submit" loading={busy}>
            Save
          </Button>
        </div>
      </form>
    </Modal>
  );
}

function Facts({ client }: { client: ClientView }) {
  return (
    <section className="card">
      <dl className="facts facts2">
        <dt>Full name</dt>
        <dd>{client.fqdn || <span className="dim">not said</span>}</dd>
        <dt>System</dt>
        <dd>
          {client.platform || client.os} ({client.os}, {client.architecture})
        </dd>
        <dt>Address</dt>
        <dd className="mono">{client.address ?? '–'}</dd>
        <dt>Agent</dt>
        <dd>{client.agent_version}</dd>
        <dt>Enrolled</dt>
        <dd>
          <Moment at={client.first_seen} />
        </dd>
        <dt>Last heard of</dt>
        <dd>
          <Moment at={client.last_seen} />
        </dd>
      </dl>
    </section>
  );
}

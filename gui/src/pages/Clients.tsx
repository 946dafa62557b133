// Which endpoints are there, and which are connected?

import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { IconDeviceDesktop, IconTag } from '@tabler/icons-react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useState } from 'react';
import { get, queryText } from '../api/request';
import type { ClientPage, ClientView } from '../api/schema';
import { shellWord } from '../lib/text';
import { DataTable, type WorkColumn } from '../ui/DataTable';
import { ClientCell } from '../ui/links';
import { apiUrl, CliFold, Empty, Labels, Moment, useTitle } from '../ui/parts';
import { Search } from '../ui/Search';
import { Online } from '../ui/State';

const COLUMNS: WorkColumn<ClientView>[] = [
  { id: 'online', title: 'Now', width: 92, cell: (c) => <Online online={c.online} revoked={!!c.revoked_at} /> },
  {
    id: 'hostname',
    title: 'Name',
    width: 200,
    sort: 'hostname',
    cell: (c) => <ClientCell id={c.id} name={c.hostname || c.id} />,
  },
  {
    id: 'os',
    title: 'System',
    width: 200,
    sort: 'os',
    cell: (c) => [c.platform || c.os, c.architecture].filter(Boolean).join(' · '),
  },
  { id: 'labels', title: 'Labels', width: 210, cell: (c) => <Labels items={c.labels} /> },
  { id: 'last', title: 'Heard of', width: 118, sort: 'last_seen', cell: (c) => <Moment at={c.last_seen} near /> },
  { id: 'address', title: 'Address', width: 150, cell: (c) => <span className="mono">{c.address ?? ''}</span> },
  { id: 'first', title: 'Enrolled', width: 184, sort: 'first_seen', cell: (c) => <Moment at={c.first_seen} /> },
  { id: 'agent', title: 'Agent', width: 84, cell: (c) => c.agent_version },
  { id: 'id', title: 'Id', width: 290, cell: (c) => <code>{c.id}</code> },
];

export function Clients() {
  useTitle('Clients');
  const search = useSearch({ from: '/clients' });
  const navigate = useNavigate({ from: '/clients' });
  const change = useCallback(
    (part: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true }),
    [navigate],
  );
  const setQ = useCallback((q?: string) => change({ q }), [change]);
  const query = { search: search.q, label: search.label, online: search.online, sort: search.sort, desc: search.desc };
  const narrowed = search.q || search.label || search.online;
  return (
    <div className="page fill">
      <header className="page-head">
        <h1>Clients</h1>
        <div className="actions">
          <Button component={Link} to="/tokens" variant="default">
            Enrol more
          </Button>
        </div>
      </header>
      <DataTable<ClientView>
        name="clients"
        label="Clients"
        noun={['client', 'clients']}
        columns={COLUMNS}
        queryKey={['clients', query]}
        fetchPage={(offset, limit, signal) => get<ClientPage>('/clients', { ...query, offset, limit }, signal)}
        rowKey={(c) => c.id}
        sort={search.sort}
        desc={search.desc}
        onSort={(sort, desc) => change({ sort, desc })}
        onOpen={(c) => void navigate({ to: '/clients/$client', params: { client: c.id }, search: {} })}
        toolbar={
          <>
            <Search label="Search names, addresses, labels, ids" value={search.q} change={setQ} width={280} />
            <LabelFilter value={search.label} change={(label) => change({ label })} />
            <SegmentedControl
              aria-label="Connected or not"
              value={search.online ?? ''}
              onChange={(online) => change({ online: online || undefined })}
              data={[
                { value: '', label: 'All' },
                { value: 'true', label: 'Online' },
                { value: 'false', label: 'Offline' },
              ]}
            />
          </>
        }
        empty={
          narrowed ? (
            <Empty icon={IconDeviceDesktop} title="No client like this">
              <Button variant="default" onClick={() => void navigate({ search: {} })}>
                Show all clients
              </Button>
            </Empty>
          ) : (
            <Empty icon={IconDeviceDesktop} title="No client has enrolled yet" cli="lycaon-agent --config agent.yaml">
              <p>Make a token and start an agent with it: it appears here by itself.</p>
              <Button component={Link} to="/tokens">
                Make a token
              </Button>
            </Empty>
          )
        }
      />
      <CliFold
        cli={[`lycaon client list${search.q ? ` ${shellWord(search.q)}` : ''}`]}
        api={[apiUrl(`/clients${queryText({ ...query, limit: 50 })}`)]}
      />
    </div>
  );
}

function LabelFilter({ value, change }: { value?: string; change: (label: string | undefined) => void }) {
  const [text, setText] = useState(value ?? '');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change(text.trim() || undefined);
      }}
    >
      <TextInput
        w={150}
        aria-label="Exactly this label"
        placeholder="Label, then Enter"
        leftSection={<IconTag size={14} />}
        value={text}
        onChange={(e) => {
          setText(e.currentTarget.value);
          if (e.currentTarget.value === '') change(undefined);
        }}
      />
    </form>
  );
}

// Which hunts are there, and how do they stand?

import { Button, CloseButton, NativeSelect } from '@mantine/core';
import { IconPlus, IconTargetArrow } from '@tabler/icons-react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';
import { get } from '../api/request';
import type { HuntPage, HuntView } from '../api/schema';
import { count } from '../lib/text';
import { shellWord } from '../lib/text';
import { DataTable, type WorkColumn } from '../ui/DataTable';
import { HuntLink } from '../ui/links';
import { apiUrl, CliFold, Empty, Labels, Moment, useTitle } from '../ui/parts';
import { QueueBar } from '../ui/QueueBar';
import { Search } from '../ui/Search';
import { HuntState } from '../ui/State';

export const HUNT_STATES = ['draft', 'running', 'paused', 'draining', 'stopped', 'completed', 'archived'];

const COLUMNS: WorkColumn<HuntView>[] = [
  { id: 'state', title: 'State', width: 118, cell: (h) => <HuntState state={h.state} /> },
  { id: 'name', title: 'Name', width: 290, cell: (h) => <HuntLink id={h.id} name={h.spec.name} /> },
  { id: 'queues', title: 'Queues', width: 260, cell: (h) => <QueueBar hunt={h.id} counts={h.counts} size="mid" /> },
  {
    id: 'results',
    title: 'Results',
    width: 84,
    right: true,
    cell: (h) => <span className="lively">{count(h.counts.results)}</span>,
  },
  { id: 'rows', title: 'Rows', width: 96, right: true, cell: (h) => <span className="lively">{count(h.rows)}</span> },
  {
    id: 'failed',
    title: 'Failed',
    width: 76,
    right: true,
    cell: (h) =>
      h.counts.failed > 0 ? (
        <Link
          className="bad-text"
          to="/hunts/$hunt"
          params={{ hunt: h.id }}
          search={{ tab: 'members', queue: 'failed' }}
        >
          {count(h.counts.failed)}
        </Link>
      ) : (
        <span className="dim">0</span>
      ),
  },
  {
    id: 'started',
    title: 'Started',
    width: 116,
    cell: (h) => (h.started ? <Moment at={h.started} near /> : <span className="dim">not yet</span>),
  },
  {
    id: 'tags',
    title: 'Tags',
    width: 140,
    cell: (h) => <Labels items={h.spec.tags ?? []} />,
  },
  { id: 'creator', title: 'By', width: 100, cell: (h) => h.creator },
  { id: 'artifacts', title: 'Collects', width: 220, cell: (h) => h.spec.artifacts.map((a) => a.name).join(', ') },
];

export function Hunts() {
  useTitle('Hunts');
  const search = useSearch({ from: '/hunts' });
  const navigate = useNavigate({ from: '/hunts' });
  const setQ = useCallback((q?: string) => void navigate({ search: (s) => ({ ...s, q }), replace: true }), [navigate]);
  const query = { search: search.q, state: search.state, tag: search.tag };
  return (
    <div className="page fill">
      <header className="page-head">
        <h1>Hunts</h1>
        <div className="actions">
          <Button component={Link} to="/hunts/new" leftSection={<IconPlus size={15} />} rightSection={<kbd>n</kbd>}>
            New hunt
          </Button>
        </div>
      </header>
      <DataTable<HuntView>
        name="hunts"
        label="Hunts"
        noun={['hunt', 'hunts']}
        columns={COLUMNS}
        rowHeight={38}
        queryKey={['hunts', query]}
        fetchPage={(offset, limit, signal) => get<HuntPage>('/hunts', { ...query, offset, limit }, signal)}
        rowKey={(h) => h.id}
        onOpen={(h) => void navigate({ to: '/hunts/$hunt', params: { hunt: h.id }, search: {} })}
        toolbar={
          <>
            <Search label="Search hunts" value={search.q} change={setQ} />
            <NativeSelect
              size="xs"
              aria-label="State"
              value={search.state ?? ''}
              onChange={(e) => {
                const state = e.currentTarget.value || undefined;
                void navigate({ search: (s) => ({ ...s, state }) });
              }}
              data={[{ value: '', label: 'Any state' }, ...HUNT_STATES]}
            />
            {search.tag && (
              <span className="row chosen">
                Tag <strong>{search.tag}</strong>
                <CloseButton
                  size="xs"
                  aria-label="Any tag"
                  onClick={() => void navigate({ search: (s) => ({ ...s, tag: undefined }) })}
                />
              </span>
            )}
          </>
        }
        empty={
          search.q || search.state || search.tag ? (
            <Empty icon={IconTargetArrow} title="No hunt like this">
              <Button variant="default" onClick={() => void navigate({ search: {} })}>
                Show all hunts
              </Button>
            </Empty>
          ) : (
            <Empty icon={IconTargetArrow} title="No hunt yet" cli="lycaon hunt create -f hunt.yaml">
              <p>
                A hunt asks every matching client one question, at a pace you set, and puts the answers in one table.
              </p>
              <Button component={Link} to="/hunts/new">
                Make the first one
              </Button>
            </Empty>
          )
        }
      />
      <CliFold
        cli={['lycaon hunt list', `lycaon hunt create -f ${shellWord('hunt.yaml')}`]}
        api={[
          apiUrl(
            `/hunts?limit=50${search.state ? `&state=${search.state}` : ''}${search.q ? `&search=${encodeURIComponent(search.q)}` : ''}${search.tag ? `&tag=${encodeURIComponent(search.tag)}` : ''}`,
          ),
        ]}
      />
    </div>
  );
}

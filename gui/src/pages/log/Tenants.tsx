// Whose logs are hunted through, and how do their streams stand?

import { Button } from '@mantine/core';
import { IconBuilding } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { useCallback } from 'react';
import { LOG_EVERY } from '../../api/logs';
import { get } from '../../api/request';
import type { LogTenantPage, LogTenantSummary } from '../../api/schema';
import { inTrouble, totalStreams } from '../../lib/logs';
import { count } from '../../lib/text';
import { DataTable, type WorkColumn } from '../../ui/DataTable';
import { Lag, TenantLink } from '../../ui/logs';
import { Empty } from '../../ui/parts';
import { Search } from '../../ui/Search';
import type { ChangeLog, LogSearch } from '../LogHunts';

const COLUMNS: WorkColumn<LogTenantSummary>[] = [
  { id: 'name', title: 'Tenant', width: 230, cell: (t) => <TenantLink name={t.name} /> },
  {
    id: 'pause',
    title: 'Paused',
    width: 150,
    cell: (t) =>
      t.pause ? (
        <span title={t.pause.reason}>{`${t.pause.mode}: ${t.pause.reason}`}</span>
      ) : (
        <span className="dim">no</span>
      ),
  },
  { id: 'streams', title: 'Streams', width: 84, right: true, cell: (t) => count(totalStreams(t.streams)) },
  {
    id: 'trouble',
    title: 'Need a look',
    width: 104,
    right: true,
    cell: (t) => {
      const bad = inTrouble(t.streams);
      if (bad === 0) return <span className="dim">0</span>;
      return (
        <Link className="bad-text" to="/log/tenants/$tenant" params={{ tenant: t.name }} search={{ state: 'trouble' }}>
          {count(bad)}
        </Link>
      );
    },
  },
  { id: 'lag', title: 'Longest lag', width: 110, right: true, cell: (t) => <Lag ms={t.lag_millis_max} /> },
  {
    id: 'new',
    title: 'New findings',
    width: 110,
    right: true,
    cell: (t) =>
      t.findings_new === 0 ? (
        <span className="dim">0</span>
      ) : (
        <Link to="/findings" search={{ tenant: t.name, state: 'new' }}>
          {count(t.findings_new)}
        </Link>
      ),
  },
  { id: 'datasets', title: 'Datasets', width: 420, cell: (t) => t.datasets.join(', ') },
];

export function Tenants({ search, change }: { search: LogSearch; change: ChangeLog }) {
  const navigate = useNavigate();
  const query = { search: search.q };
  const setQ = useCallback((q?: string) => change({ q }), [change]);
  return (
    <DataTable<LogTenantSummary>
      name="log-tenants"
      label="Tenants"
      noun={['tenant', 'tenants']}
      columns={COLUMNS}
      queryKey={['log', 'tenants', query]}
      every={LOG_EVERY}
      fetchPage={(offset, limit, signal) => get<LogTenantPage>('/log/tenants', { ...query, offset, limit }, signal)}
      rowKey={(t) => t.name}
      onOpen={(t) => void navigate({ to: '/log/tenants/$tenant', params: { tenant: t.name }, search: {} })}
      toolbar={<Search label="Search tenants" value={search.q} change={setQ} />}
      empty={
        search.q ? (
          <Empty icon={IconBuilding} title="No tenant like this">
            <Button variant="default" onClick={() => change({ q: undefined })}>
              Show all tenants
            </Button>
          </Empty>
        ) : (
          <Empty icon={IconBuilding} title="No tenant yet" cli="lycaon log check ./log-hunts">
            <p>A tenant is a YAML document with datasets: where its logs lie, and which clocks they have.</p>
          </Empty>
        )
      }
    />
  );
}

// Every live stream as a row: what it reads, how far it is, why it failed. Used for all, for one rule, for one tenant.

import { Button, NativeSelect } from '@mantine/core';
import { IconTimeline } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { LOG_EVERY } from '../../api/logs';
import { get } from '../../api/request';
import type { LogStreamPage, LogStreamSummary } from '../../api/schema';
import { STREAM_STATES } from '../../lib/logs';
import { count } from '../../lib/text';
import { DataTable, type WorkColumn } from '../../ui/DataTable';
import { Lag, ledgerSearch, PositionText, RuleLink, StreamLink, StreamMark, TenantLink } from '../../ui/logs';
import { Empty, Moment } from '../../ui/parts';
import { Search } from '../../ui/Search';

export interface StreamsState {
  q?: string;
  state?: string;
  sort?: string;
  desc?: boolean;
}
interface Props {
  search: StreamsState;
  change: (part: StreamsState) => void;
  /** Only of these. */
  only?: { rule?: string; tenant?: string };
}

export function Streams({ search, change, only = {} }: Props) {
  const navigate = useNavigate();
  const sort = search.sort === 'trouble' ? undefined : search.sort;
  const query = { ...only, search: search.q, state: search.state, sort, desc: search.desc };
  const setQ = useCallback((q?: string) => change({ q }), [change]);
  const columns = useMemo(() => {
    const all: WorkColumn<LogStreamSummary>[] = [
      { id: 'state', title: 'State', width: 112, sort: 'state', cell: (s) => <StreamMark state={s.state} /> },
      { id: 'tenant', title: 'Tenant', width: 170, sort: 'tenant', cell: (s) => <TenantLink name={s.tenant} /> },
      { id: 'rule', title: 'Rule', width: 220, sort: 'rule', cell: (s) => <RuleLink name={s.rule} /> },
      {
        id: 'dataset',
        title: 'Stream',
        width: 190,
        sort: 'dataset',
        cell: (s) => (
          <StreamLink at={s} ledger={{ part: s.part }} text={s.part ? `${s.dataset}[${s.part}]` : s.dataset} />
        ),
      },
      {
        id: 'lag',
        title: 'Lag',
        width: 110,
        sort: 'lag',
        right: true,
        cell: (s) => <Lag ms={s.lag_millis} state={s.state} />,
      },
      {
        id: 'checkpoint',
        title: 'Checkpoint',
        width: 180,
        sort: 'checkpoint',
        cell: (s) => <PositionText at={s.checkpoint} />,
      },
      { id: 'last_run', title: 'Last run', width: 116, sort: 'last_run', cell: (s) => <Moment at={s.last_run} near /> },
      {
        id: 'gaps',
        title: 'Gaps',
        width: 64,
        right: true,
        cell: (s) => (s.gaps > 0 ? <span className="bad-text">{count(s.gaps)}</span> : <span className="dim">0</span>),
      },
      {
        id: 'failure',
        title: 'Last failure',
        width: 420,
        cell: (s) => <span title={s.failure ?? ''}>{s.failure}</span>,
      },
    ];
    return all.filter((c) => !(only.rule && c.id === 'rule') && !(only.tenant && c.id === 'tenant'));
  }, [only.rule, only.tenant]);
  const narrowed = search.q || search.state;
  return (
    <DataTable<LogStreamSummary>
      name="log-streams"
      label="Streams"
      noun={['stream', 'streams']}
      columns={columns}
      queryKey={['log', 'streams', query]}
      every={LOG_EVERY}
      fetchPage={(offset, limit, signal) => get<LogStreamPage>('/log/streams', { ...query, offset, limit }, signal)}
      rowKey={(s) => `${s.tenant}/${s.dataset}/${s.part}/${s.rule}`}
      sort={sort}
      desc={search.desc}
      onSort={(next, desc) => change({ sort: next, desc })}
      onOpen={(s) =>
        void navigate({
          to: '/log/streams/$tenant/$dataset/$rule',
          params: { tenant: s.tenant, dataset: s.dataset, rule: s.rule },
          search: ledgerSearch({ part: s.part }),
        })
      }
      toolbar={
        <>
          <Search label="Search streams and failures" value={search.q} change={setQ} />
          <NativeSelect
            size="xs"
            aria-label="State"
            value={search.state ?? ''}
            onChange={(e) => change({ state: e.currentTarget.value || undefined })}
            data={[
              { value: '', label: 'Any state' },
              { value: 'trouble', label: 'Needs a look' },
              ...STREAM_STATES.map((s) => ({ value: s.state, label: s.label })),
            ]}
          />
        </>
      }
      empty={
        narrowed ? (
          <Empty icon={IconTimeline} title="No stream like this">
            <Button variant="default" onClick={() => change({ q: undefined, state: undefined })}>
              Show all streams
            </Button>
          </Empty>
        ) : (
          <Empty icon={IconTimeline} title="No stream yet" cli="lycaon log status">
            <p>A stream begins when a rule and a tenant with its dataset are defined.</p>
          </Empty>
        )
      }
    />
  );
}

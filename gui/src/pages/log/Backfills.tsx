// Which stretches of the past are read again, and how far are they?

import { Button } from '@mantine/core';
import { IconHistory } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import * as logs from '../../api/logs';
import { get } from '../../api/request';
import type { LogBackfillPage, LogBackfillView } from '../../api/schema';
import { bytes, count } from '../../lib/text';
import { Act } from '../../ui/Act';
import { DataTable, type WorkColumn } from '../../ui/DataTable';
import { JobMark, RuleLink } from '../../ui/logs';
import { Empty, Moment } from '../../ui/parts';

export function Backfills() {
  const [ending, setEnding] = useState<string | null>(null);
  const columns = useMemo<WorkColumn<LogBackfillView>[]>(
    () => [
      { id: 'state', title: 'State', width: 124, cell: (j) => <JobMark state={j.state} /> },
      { id: 'name', title: 'Job', width: 150, cell: (j) => <code>{j.name}</code> },
      { id: 'rule', title: 'Rule', width: 200, cell: (j) => <RuleLink name={j.rule} /> },
      {
        id: 'tenants',
        title: 'Tenants',
        width: 90,
        right: true,
        cell: (j) => <span title={j.tenants.join(', ')}>{count(j.tenants.length)}</span>,
      },
      { id: 'from', title: 'From', width: 180, cell: (j) => <Moment at={j.from} /> },
      { id: 'to', title: 'To', width: 180, cell: (j) => <Moment at={j.to} /> },
      {
        id: 'windows',
        title: 'Windows',
        width: 150,
        cell: (j) => (
          <span className="lively num">
            {count(j.windows_settled)} of {count(j.windows_settled + j.windows_open)}
          </span>
        ),
      },
      { id: 'tell', title: 'Tells', width: 90, cell: (j) => j.tell },
      {
        id: 'budget',
        title: 'Budget',
        width: 96,
        right: true,
        cell: (j) => (j.bytes_max == null ? <span className="dim">none</span> : bytes(j.bytes_max)),
      },
      { id: 'at', title: 'Asked for', width: 116, cell: (j) => <Moment at={j.at} near /> },
      { id: 'actor', title: 'By', width: 100, cell: (j) => j.actor },
      { id: 'reason', title: 'Why', width: 260, cell: (j) => <span title={j.reason}>{j.reason}</span> },
      {
        id: 'end',
        title: 'End',
        width: 90,
        cell: (j) =>
          j.state === 'running' || j.state === 'over_budget' ? (
            <Button size="compact-xs" variant="default" onClick={() => setEnding(j.name)}>
              Cancel…
            </Button>
          ) : null,
      },
    ],
    [],
  );
  return (
    <>
      <DataTable<LogBackfillView>
        name="log-backfills"
        label="Backfills, newest first"
        noun={['backfill', 'backfills']}
        columns={columns}
        queryKey={['log', 'backfills']}
        every={logs.LOG_EVERY}
        fetchPage={(offset, limit, signal) => get<LogBackfillPage>('/log/backfills', { offset, limit }, signal)}
        rowKey={(j) => j.name}
        empty={
          <Empty
            icon={IconHistory}
            title="Nothing was read again yet"
            cli="lycaon log backfill --rule susp-whoami --from 2026-01-01 --to 2026-01-07"
          >
            <p>A backfill asks a rule of the past, beside its live run: after a new rule, or a better one.</p>
          </Empty>
        }
      />
      {ending && (
        <Act
          title={`Cancel backfill ${ending}`}
          action="Cancel it"
          danger
          about={ending}
          act={(body) => logs.cancelBackfill(ending, body)}
          close={() => setEnding(null)}
        />
      )}
    </>
  );
}

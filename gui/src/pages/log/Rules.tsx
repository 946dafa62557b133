// Which rules are there, how do they run, and what have they found?

import { Button, NativeSelect } from '@mantine/core';
import { IconFileSearch } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { useCallback } from 'react';
import { LOG_EVERY } from '../../api/logs';
import { get } from '../../api/request';
import type { LogRulePage, LogRuleSummary } from '../../api/schema';
import { inTrouble, SEVERITIES, totalStreams } from '../../lib/logs';
import { count } from '../../lib/text';
import { DataTable, type WorkColumn } from '../../ui/DataTable';
import { RuleLink, SeverityMark, Techniques } from '../../ui/logs';
import { Empty } from '../../ui/parts';
import { Search } from '../../ui/Search';
import type { ChangeLog, LogSearch } from '../LogHunts';

const COLUMNS: WorkColumn<LogRuleSummary>[] = [
  { id: 'severity', title: 'Severity', width: 122, cell: (r) => <SeverityMark state={r.severity} /> },
  { id: 'name', title: 'Rule', width: 230, cell: (r) => <RuleLink name={r.name} title={r.title} /> },
  { id: 'title', title: 'Title', width: 300, cell: (r) => r.title },
  {
    id: 'streams',
    title: 'Streams',
    width: 84,
    right: true,
    cell: (r) => (r.disabled ? <span className="dim">disabled</span> : count(totalStreams(r.streams))),
  },
  {
    id: 'trouble',
    title: 'Need a look',
    width: 104,
    right: true,
    cell: (r) => {
      const bad = inTrouble(r.streams);
      if (bad === 0) return <span className="dim">0</span>;
      return (
        <Link className="bad-text" to="/log/rules/$rule" params={{ rule: r.name }} search={{ state: 'trouble' }}>
          {count(bad)}
        </Link>
      );
    },
  },
  {
    id: 'new',
    title: 'New findings',
    width: 110,
    right: true,
    cell: (r) =>
      r.findings_new === 0 ? (
        <span className="dim">0</span>
      ) : (
        <Link to="/findings" search={{ rule: r.name, state: 'new' }}>
          {count(r.findings_new)}
        </Link>
      ),
  },
  { id: 'schedule', title: 'Runs', width: 260, cell: (r) => r.schedule },
  { id: 'kind', title: 'Asks by', width: 150, cell: (r) => `${r.question}, ${r.class.replace('_', ' ')}` },
  { id: 'attack', title: 'ATT&CK', width: 160, cell: (r) => <Techniques ids={r.attack} /> },
  { id: 'datasets', title: 'Reads', width: 200, cell: (r) => r.datasets.join(', ') },
];

export function Rules({ search, change }: { search: LogSearch; change: ChangeLog }) {
  const navigate = useNavigate();
  const query = { search: search.q, severity: search.severity };
  const setQ = useCallback((q?: string) => change({ q }), [change]);
  return (
    <DataTable<LogRuleSummary>
      name="log-rules"
      label="Rules"
      noun={['rule', 'rules']}
      columns={COLUMNS}
      queryKey={['log', 'rules', query]}
      every={LOG_EVERY}
      fetchPage={(offset, limit, signal) => get<LogRulePage>('/log/rules', { ...query, offset, limit }, signal)}
      rowKey={(r) => r.name}
      onOpen={(r) => void navigate({ to: '/log/rules/$rule', params: { rule: r.name }, search: {} })}
      toolbar={
        <>
          <Search label="Search rules" value={search.q} change={setQ} />
          <NativeSelect
            size="xs"
            aria-label="Severity"
            value={search.severity ?? ''}
            onChange={(e) => change({ severity: e.currentTarget.value || undefined })}
            data={[{ value: '', label: 'Any severity' }, ...SEVERITIES]}
          />
        </>
      }
      empty={
        search.q || search.severity ? (
          <Empty icon={IconFileSearch} title="No rule like this">
            <Button variant="default" onClick={() => change({ q: undefined, severity: undefined })}>
              Show all rules
            </Button>
          </Empty>
        ) : (
          <Empty icon={IconFileSearch} title="No rule yet" cli="lycaon log check ./log-hunts">
            <p>A rule is a YAML document with a query or a Sigma rule, and a schedule.</p>
          </Empty>
        )
      }
    />
  );
}

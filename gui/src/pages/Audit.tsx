// Who did what, when?

import { IconTimelineEvent } from '@tabler/icons-react';
import { get } from '../api/request';
import type { AuditEntry, AuditPage } from '../api/schema';
import { DataTable, type WorkColumn } from '../ui/DataTable';
import { AnyId } from '../ui/links';
import { apiUrl, CliFold, Empty, Moment, useTitle } from '../ui/parts';

const COLUMNS: WorkColumn<AuditEntry>[] = [
  { id: 'time', title: 'When', width: 184, cell: (e) => <Moment at={e.time} /> },
  { id: 'actor', title: 'Who', width: 150, cell: (e) => <AnyId text={e.actor} /> },
  { id: 'action', title: 'Did', width: 160, cell: (e) => <code>{e.action}</code> },
  { id: 'object', title: 'To', width: 190, cell: (e) => <AnyId text={e.object} /> },
  { id: 'detail', title: 'How', width: 420, cell: (e) => <span title={e.detail}>{e.detail}</span> },
];

export function Audit() {
  useTitle('Audit');
  return (
    <div className="page fill">
      <header className="page-head">
        <h1>Audit</h1>
      </header>
      <DataTable<AuditEntry>
        name="audit"
        label="Audit log, newest first"
        noun={['entry', 'entries']}
        columns={COLUMNS}
        queryKey={['audit']}
        every={20_000}
        fetchPage={(offset, limit, signal) => get<AuditPage>('/audit', { offset, limit }, signal)}
        rowKey={(e, i) => `${e.time}${i}`}
        empty={<Empty icon={IconTimelineEvent} title="Nothing has been done yet" />}
      />
      <CliFold api={[apiUrl('/audit?limit=100')]} />
    </div>
  );
}

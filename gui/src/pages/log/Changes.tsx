// Who changed what of log hunts, and why?

import { IconTimelineEvent } from '@tabler/icons-react';
import { LOG_EVERY } from '../../api/logs';
import { get } from '../../api/request';
import type { LogNotePage, LogNoteView } from '../../api/schema';
import { DataTable, type WorkColumn } from '../../ui/DataTable';
import { Empty, Moment } from '../../ui/parts';

const COLUMNS: WorkColumn<LogNoteView>[] = [
  { id: 'at', title: 'When', width: 184, cell: (n) => <Moment at={n.at} /> },
  { id: 'actor', title: 'Who', width: 140, cell: (n) => n.actor },
  { id: 'action', title: 'Did', width: 140, cell: (n) => <code>{n.action}</code> },
  { id: 'subject', title: 'To', width: 320, cell: (n) => <span title={n.subject}>{n.subject}</span> },
  { id: 'reason', title: 'Why', width: 480, cell: (n) => <span title={n.reason}>{n.reason}</span> },
];

export function Changes() {
  return (
    <DataTable<LogNoteView>
      name="log-changes"
      label="Changes, newest first"
      noun={['change', 'changes']}
      columns={COLUMNS}
      queryKey={['log', 'notes']}
      every={LOG_EVERY}
      fetchPage={(offset, limit, signal) => get<LogNotePage>('/log/notes', { offset, limit }, signal)}
      rowKey={(n, i) => `${n.at}${i}`}
      empty={
        <Empty icon={IconTimelineEvent} title="Nothing was changed yet" cli="lycaon log pause --tenant acme --reason …">
          <p>Pauses, waived and reopened windows, new revisions of rules: each with who and why.</p>
        </Empty>
      }
    />
  );
}

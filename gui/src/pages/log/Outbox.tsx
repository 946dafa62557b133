// Who has not been told yet, and why?

import { IconMailCheck } from '@tabler/icons-react';
import { LOG_EVERY } from '../../api/logs';
import { get } from '../../api/request';
import type { LogDeliveryPage, LogDeliveryView } from '../../api/schema';
import { count } from '../../lib/text';
import { DataTable, type WorkColumn } from '../../ui/DataTable';
import { FindingLink } from '../../ui/logs';
import { Empty, Moment } from '../../ui/parts';

const COLUMNS: WorkColumn<LogDeliveryView>[] = [
  {
    id: 'state',
    title: 'State',
    width: 110,
    cell: (d) => (d.given_up ? <span className="bad-text">given up</span> : d.attempts > 0 ? 'tried again' : 'waits'),
  },
  { id: 'channel', title: 'Channel', width: 160, cell: (d) => d.channel },
  {
    id: 'findings',
    title: 'Tells of',
    width: 220,
    cell: (d) =>
      d.findings.length === 1 ? <FindingLink id={d.findings[0]!} /> : `${count(d.findings.length)} findings`,
  },
  { id: 'at', title: 'Written', width: 184, cell: (d) => <Moment at={d.at} /> },
  { id: 'attempts', title: 'Tries', width: 70, right: true, cell: (d) => count(d.attempts) },
  { id: 'next', title: 'Next try', width: 130, cell: (d) => (d.given_up ? '–' : <Moment at={d.not_before} near />) },
  { id: 'error', title: 'Why not', width: 420, cell: (d) => <span title={d.error ?? ''}>{d.error}</span> },
  { id: 'key', title: 'Idempotency key', width: 260, cell: (d) => <code>{d.key}</code> },
];

export function Outbox() {
  return (
    <DataTable<LogDeliveryView>
      name="log-outbox"
      label="Messages that wait, oldest first"
      noun={['message', 'messages']}
      columns={COLUMNS}
      queryKey={['log', 'outbox']}
      every={LOG_EVERY}
      fetchPage={(offset, limit, signal) => get<LogDeliveryPage>('/log/outbox', { offset, limit }, signal)}
      rowKey={(d) => String(d.id)}
      empty={
        <Empty icon={IconMailCheck} title="Everybody has been told" cli="lycaon log findings --state new">
          <p>Messages to webhooks, Slack or syslog wait here until their receiver has them.</p>
        </Empty>
      }
    />
  );
}

// Who is where in this hunt, and why?

import { Button, NativeSelect } from '@mantine/core';
import { IconHelpCircle, IconUsers } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { useCallback } from 'react';
import { get, part } from '../../api/request';
import type { HuntView, MemberPage, MemberView } from '../../api/schema';
import { queueInfo, QUEUES } from '../../lib/queues';
import { roundsQuery } from '../../lib/rounds';
import { count, plural } from '../../lib/text';
import { DataTable, type WorkColumn } from '../../ui/DataTable';
import { ClientCell, FlowLink } from '../../ui/links';
import { apiUrl, CliFold, Empty, Moment } from '../../ui/parts';
import { Search } from '../../ui/Search';
import { MemberState } from '../../ui/State';
import type { HuntSearch } from '../Hunt';
import { CHOOSE } from './choose';
import { RoundChoice } from './RoundChoice';

const COLUMNS: WorkColumn<MemberView>[] = [
  { id: 'state', title: 'Queue', width: 128, sort: 'state', cell: (m) => <MemberState state={m.state} /> },
  {
    id: 'hostname',
    title: 'Client',
    width: 190,
    sort: 'hostname',
    cell: (m) => <ClientCell id={m.client} name={m.hostname || undefined} />,
  },
  { id: 'reason', title: 'Why', width: 330, cell: (m) => <span title={m.reason}>{m.reason}</span> },
  {
    id: 'flow',
    title: 'Flow',
    width: 140,
    cell: (m) => (m.flow ? <FlowLink id={m.flow} /> : <span className="dim">–</span>),
  },
  { id: 'attempt', title: 'Attempt', width: 82, right: true, cell: (m) => m.attempt },
  { id: 'revision', title: 'Revision', width: 86, right: true, cell: (m) => m.revision },
  { id: 'updated', title: 'Changed', width: 184, sort: 'updated', cell: (m) => <Moment at={m.updated} /> },
  { id: 'decided', title: 'Decided', width: 184, sort: 'decided', cell: (m) => <Moment at={m.decided} /> },
  { id: 'admitted', title: 'Began', width: 184, cell: (m) => <Moment at={m.admitted} /> },
];

export function HuntMembers({
  hunt,
  search,
  change,
}: {
  hunt: HuntView;
  search: HuntSearch;
  change: (part: Partial<HuntSearch>) => void;
}) {
  const navigate = useNavigate();
  const setQ = useCallback((q?: string) => change({ q }), [change]);
  // Who was decided on last comes last, so that a hunt under way does not move the rows on screen.
  const sort = search.sort ?? 'decided';
  const { round } = roundsQuery(search.round);
  const query = { round, queue: search.queue, search: search.q, sort, desc: search.desc };
  // Who has not answered has no record yet: a number, but no members.
  const unrecorded = search.queue === 'asked';
  const info = search.queue ? queueInfo(search.queue) : undefined;
  return (
    <>
      <DataTable<MemberView>
        name="members"
        label="Members"
        noun={['client', 'clients']}
        columns={COLUMNS}
        queryKey={['members', hunt.id, query]}
        fetchPage={(offset, limit, signal) =>
          unrecorded
            ? Promise.resolve({ items: [], total: 0 })
            : get<MemberPage>(`/hunts/${part(hunt.id)}/members`, { ...query, offset, limit }, signal)
        }
        rowKey={(m) => m.client}
        sort={sort}
        desc={search.desc}
        onSort={(sort, desc) => change({ sort, desc })}
        onOpen={(m) =>
          m.flow
            ? void navigate({ to: '/flows/$flow', params: { flow: m.flow }, search: {} })
            : change({ why: m.client })
        }
        toolbar={
          <>
            {hunt.round > 1 && <RoundChoice hunt={hunt} search={search} change={change} />}
            <Search label="Search names, ids, reasons" value={search.q} change={setQ} />
            <NativeSelect
              size="xs"
              aria-label="Queue"
              value={search.queue ?? ''}
              onChange={(e) => change({ queue: e.currentTarget.value || undefined })}
              data={[
                { value: '', label: 'All queues' },
                ...QUEUES.map((q) => ({
                  value: q.queue,
                  label: round ? q.label : `${q.label} (${count(hunt.counts[q.queue])})`,
                })),
              ]}
            />
            <Button
              variant="default"
              leftSection={<IconHelpCircle size={15} />}
              onClick={() => change({ why: CHOOSE })}
            >
              Why not…
            </Button>
          </>
        }
        empty={
          <Empty
            icon={IconUsers}
            title={
              info
                ? `Nobody in “${info.label}”${search.q ? ' like this' : ''}`
                : search.q
                  ? 'Nobody like this'
                  : 'Nobody has been decided on yet'
            }
          >
            {search.queue === 'asked' && hunt.counts.asked > 0 ? (
              <p>
                {plural(hunt.counts.asked, 'client')} were sent the question and have not answered. They get a record
                when they do.
              </p>
            ) : (
              info && !search.q && <p>{info.meaning}: nobody now.</p>
            )}
            {(search.q || search.queue) && (
              <Button variant="default" onClick={() => change({ q: undefined, queue: undefined })}>
                Show all members
              </Button>
            )}
          </Empty>
        }
      />
      <CliFold
        cli={[`lycaon hunt why ${hunt.id} CLIENT`]}
        api={[apiUrl(`/hunts/${hunt.id}/members${search.queue ? `?queue=${search.queue}` : ''}`)]}
      />
    </>
  );
}

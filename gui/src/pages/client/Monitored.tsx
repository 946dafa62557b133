// What is monitored on this client, and what did that bring, day by day?

import { Button, CloseButton } from '@mantine/core';
import { IconHeartbeat, IconDownload, IconTableOff } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import * as ask from '../../api/monitoring';
import { API, get, part, queryText } from '../../api/request';
import type { EventDayView, EventRowPage, EventRowView } from '../../api/schema';
import { limitsSay } from '../../lib/monitoring';
import { bytes, cellText, count, middle } from '../../lib/text';
import { DataTable, type WorkColumn } from '../../ui/DataTable';
import { ArtifactLink } from '../../ui/links';
import { apiUrl, Bones, CliFold, Empty, ErrorNote, Label, Moment } from '../../ui/parts';
import { Search } from '../../ui/Search';

export interface EventsState {
  source?: string;
  day?: string;
  /** The source's log instead of its rows. */
  log?: string;
  q?: string;
  sort?: string;
  desc?: boolean;
}

interface Props {
  client: string;
  state: EventsState;
  change: (part: EventsState) => void;
}

export function Monitored({ client, state, change }: Props) {
  const { data, error, refetch } = useQuery({ ...ask.ofClient(client), refetchInterval: 15_000 });
  if (!data && error)
    return <ErrorNote what="Could not load what is monitored here" error={error} retry={() => void refetch()} />;
  if (!data) return <Bones />;
  const days = [...data.days].sort((a, b) =>
    a.day === b.day ? (a.source < b.source ? -1 : 1) : a.day < b.day ? 1 : -1,
  );
  return (
    <>
      {data.entries.length === 0 ? (
        <Empty icon={IconHeartbeat} title="Nothing is monitored on it">
          <p>
            What runs on which clients is chosen under{' '}
            <Link to="/monitoring" search={{}}>
              Monitoring
            </Link>
            .
          </p>
        </Empty>
      ) : (
        <section className="card stack tight" aria-label="What runs here">
          <h2>What runs here</h2>
          <ul className="plain stack tight">
            {data.entries.map((entry) => (
              <li key={entry.artifact} className="row wrap">
                <ArtifactLink name={entry.artifact} />
                {entry.label ? <Label text={entry.label} /> : <span className="dim">as on all clients</span>}
                <span className="dim">{limitsSay(entry.limits)}</span>
                {entry.problem && <span className="bad-text">{entry.problem}</span>}
              </li>
            ))}
          </ul>
        </section>
      )}
      {days.length > 0 && <Days client={client} days={days} state={state} change={change} />}
      {state.source && (
        <Events key={`${state.source} ${state.log ?? ''}`} client={client} days={days} state={state} change={change} />
      )}
      <CliFold
        cli={[`lycaon monitoring days ${client}`, `lycaon monitoring rows SOURCE --client ${client}`]}
        api={[apiUrl(`/clients/${client}/monitoring`), apiUrl(`/clients/${client}/monitoring/rows?source=SOURCE`)]}
      />
    </>
  );
}

function Days({ client, days, state, change }: Props & { days: EventDayView[] }) {
  return (
    <section className="card stack tight" aria-label="What it brought">
      <h2>What it brought</h2>
      <div className="scroll-list" tabIndex={0} role="region" aria-label="Days">
        <table className="glance natural">
          <thead>
            <tr>
              <th>Day (UTC)</th>
              <th>Source</th>
              <th className="right">Rows</th>
              <th className="right">Size</th>
              <th>
                <span className="sr">What can be done</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {days.map((day) => {
              const log = day.kind === 'log';
              const open = state.source === day.source && state.day === day.day && (state.log === 'yes') === log;
              const scope = { source: day.source, client, log: log || undefined, from: day.day, to: day.day };
              return (
                <tr key={`${day.day} ${day.kind} ${day.source}`} aria-current={open ? 'true' : undefined}>
                  <td className="num nowrap">{day.day}</td>
                  <td>
                    {day.source}
                    {log && <span className="badge">log</span>}
                  </td>
                  <td className="right num">{count(day.rows)}</td>
                  <td className="right num">{bytes(day.bytes)}</td>
                  <td className="nowrap">
                    <Button
                      variant="subtle"
                      size="compact-xs"
                      aria-label={`${log ? 'Log' : 'Rows'} of ${day.source} on ${day.day}`}
                      onClick={() =>
                        change({
                          source: day.source,
                          day: day.day,
                          log: log ? 'yes' : undefined,
                          q: undefined,
                          sort: undefined,
                          desc: undefined,
                        })
                      }
                    >
                      {log ? 'Log' : 'Rows'}
                    </Button>
                    <Button
                      component="a"
                      href={`${API}/monitoring/export.jsonl${queryText(scope)}`}
                      download
                      variant="subtle"
                      size="compact-xs"
                      leftSection={<IconDownload size={13} />}
                      aria-label={`JSON lines of the ${log ? 'log' : 'rows'} of ${day.source} on ${day.day}`}
                    >
                      JSON lines
                    </Button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Events({ client, days, state, change }: Props & { days: EventDayView[] }) {
  const { source, day, q, sort, desc } = state;
  const log = state.log === 'yes' || undefined;
  const names = days.find(
    (one) => one.source === source && one.day === (day ?? one.day) && (one.kind === 'log') === !!log,
  )?.columns;
  const listed = names?.join('\n') ?? '';
  const columns = useMemo(
    (): WorkColumn<EventRowView>[] => [
      {
        id: '_observed',
        title: 'Seen by the client',
        width: 184,
        sort: '_observed',
        cell: (r) => <Moment at={r.observed} />,
      },
      ...listed
        .split('\n')
        .filter(Boolean)
        .map((name) => ({
          id: name,
          title: name,
          width: 170,
          sort: name,
          cell: (r: EventRowView) => <span title={cellText(r.row[name])}>{middle(cellText(r.row[name]), 90)}</span>,
        })),
      { id: '_stored', title: 'Arrived', width: 184, sort: '_stored', cell: (r) => <Moment at={r.stored} /> },
    ],
    [listed],
  );
  const asked = { source, log, from: day, to: day, search: q, sort, desc };
  return (
    <section className="stack tight" aria-label="Rows of the day">
      <div className="row">
        <h2 className="grow">
          {log ? 'Log of ' : ''}
          {source}
          {day ? ` on ${day}` : ''}
        </h2>
        <CloseButton
          size="sm"
          aria-label="Close these rows"
          onClick={() => change({ source: undefined, day: undefined, log: undefined, q: undefined })}
        />
      </div>
      <DataTable<EventRowView>
        name={`events.${source}`}
        label="Rows"
        columns={columns}
        bounded
        queryKey={['client-events', client, asked]}
        fetchPage={(offset, limit, signal) =>
          get<EventRowPage>(`/clients/${part(client)}/monitoring/rows`, { ...asked, offset, limit }, signal)
        }
        rowKey={(_, i) => String(i)}
        sort={sort}
        desc={desc}
        onSort={(next, down) => change({ sort: next, desc: down })}
        toolbar={<Search label="Search in all columns" value={q} change={(text) => change({ q: text })} />}
        empty={<Empty icon={IconTableOff} title="No row passes" />}
      />
    </section>
  );
}

// What a source brought in a stretch of days, of all clients: the first rows, and all of them as a file.

import { Button, NativeSelect, TextInput } from '@mantine/core';
import { IconDownload, IconTableOff } from '@tabler/icons-react';
import { useQueries, useQuery } from '@tanstack/react-query';
import * as ask from '../../api/monitoring';
import { artifact } from '../../api/queries';
import { API, queryText } from '../../api/request';
import type { MonitoringEntryView } from '../../api/schema';
import { isDay, sourceNames, today } from '../../lib/monitoring';
import { cellText, middle, plural } from '../../lib/text';
import { ClientLink } from '../../ui/links';
import { Bones, Empty, ErrorNote, Moment } from '../../ui/parts';

interface Search {
  source?: string;
  from?: string;
  to?: string;
}

export function Arrived(props: { entries: MonitoringEntryView[]; search: Search; change: (part: Search) => void }) {
  const { search, change } = props;
  const names = [...new Set(props.entries.map((entry) => entry.artifact))];
  const known = useQueries({ queries: names.map((name) => ({ ...artifact(name), retry: false })) });
  const sources = names.flatMap((name, i) => sourceNames(name, known[i]?.data?.sources ?? []));
  const source = search.source ?? sources[0] ?? '';
  const from = isDay(search.from) ? search.from : today();
  const to = isDay(search.to) ? search.to : from;
  const scope = { source, from, to };
  const rows = useQuery(ask.scan(scope));
  return (
    <section className="card stack tight" aria-label="What arrived">
      <h2>What arrived</h2>
      <div className="row wrap" style={{ alignItems: 'flex-end' }}>
        <NativeSelect
          size="xs"
          label="Source"
          value={source}
          onChange={(e) => change({ source: e.currentTarget.value })}
          data={sources.includes(source) || !source ? sources : [source, ...sources]}
        />
        <TextInput
          size="xs"
          type="date"
          label="From (UTC)"
          value={from}
          onChange={(e) => change({ from: e.currentTarget.value || undefined })}
        />
        <TextInput
          size="xs"
          type="date"
          label="To the end of"
          value={to}
          onChange={(e) => change({ to: e.currentTarget.value || undefined })}
        />
        <Button
          component="a"
          href={`${API}/monitoring/export.jsonl${queryText(scope)}`}
          download
          variant="default"
          leftSection={<IconDownload size={14} />}
        >
          All rows of all clients as JSON lines
        </Button>
      </div>
      {rows.isError && (
        <ErrorNote what="Could not load the rows" error={rows.error} retry={() => void rows.refetch()} />
      )}
      {rows.isPending && source !== '' && <Bones lines={3} />}
      {rows.data?.items.length === 0 && (
        <Empty icon={IconTableOff} title="Nothing arrived in these days">
          <p>Choose other days, or another source.</p>
        </Empty>
      )}
      {rows.data && rows.data.items.length > 0 && (
        <>
          <p className="dim" role="status">
            {rows.data.end
              ? plural(rows.data.items.length, 'row')
              : `The first ${plural(rows.data.items.length, 'row')}; the download has all of them.`}
          </p>
          <div className="scroll-list tall" tabIndex={0} role="region" aria-label="Rows that arrived">
            <table className="glance diff events">
              <thead>
                <tr>
                  <th>Seen by the client</th>
                  <th>Client</th>
                  <th>Row</th>
                </tr>
              </thead>
              <tbody>
                {rows.data.items.map((item, i) => (
                  <tr key={i}>
                    <td>
                      <Moment at={item.observed} />
                    </td>
                    <td>
                      <ClientLink id={item.client} name={item.hostname || undefined} />
                    </td>
                    <td>
                      {Object.entries(item.row).map(([name, value]) => (
                        <span key={name} className="cell-pair" title={cellText(value)}>
                          <span className="dim">{name}</span> {middle(cellText(value), 60)}
                        </span>
                      ))}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </section>
  );
}

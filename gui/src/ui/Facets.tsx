// How often does each value of a column occur, and on how many clients? The rare ones are what one looks for.

import { ActionIcon, CloseButton, NativeSelect, SegmentedControl } from '@mantine/core';
import { IconFilterX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { get, type Query } from '../api/request';
import type { FacetsView } from '../api/schema';
import { withCondition, type Operator } from '../lib/filters';
import { count, middle, plural } from '../lib/text';
import { Bones, ErrorNote } from './parts';
import type { RowsState } from './RowsTable';

/** So many values are shown; the rest is a number. */
const SHOWN = 50;

export function Facets({
  path,
  cacheKey,
  columns,
  scope,
  state,
  change,
}: {
  /** Of the rows. */
  path: string;
  cacheKey: [string, string];
  columns: string[];
  /** Which rows count: source, rounds, search, filters. */
  scope: Query;
  state: RowsState;
  change: (part: RowsState) => void;
}) {
  const column = state.count ?? '';
  const order = state.order ?? 'rows';
  const query = { ...scope, column, order, limit: SHOWN };
  const facets = useQuery({
    queryKey: [...cacheKey, 'facets', query],
    queryFn: ({ signal }) => get<FacetsView>(`${path}/facets`, query, signal),
    enabled: column !== '',
  });
  const byClients = order.endsWith('clients');
  const filter = (operator: Operator, value: string) =>
    change({ filter: withCondition(state.filter, { column, operator, value }), row: undefined });
  const most = Math.max(1, ...(facets.data?.values ?? []).map((one) => (byClients ? one.clients : one.rows)));
  return (
    <section className="card stack tight facets" aria-label={`Values of ${column}`}>
      <div className="row wrap">
        <NativeSelect
          size="xs"
          aria-label="Column"
          value={column}
          onChange={(e) => change({ count: e.currentTarget.value })}
          data={[
            { value: '_hostname', label: 'Client' },
            { value: '_source', label: 'Source' },
            ...columns.map((name) => ({ value: name, label: name })),
          ]}
        />
        <SegmentedControl
          size="xs"
          aria-label="Which values first"
          value={order}
          onChange={(next) => change({ order: next })}
          data={[
            { value: 'rows', label: 'Most rows' },
            { value: 'rare', label: 'Fewest rows' },
            { value: 'clients', label: 'Most clients' },
            { value: 'rare_clients', label: 'Fewest clients' },
          ]}
        />
        <span className="dim grow" role="status">
          {facets.data &&
            `${plural(facets.data.distinct, 'value')} in ${plural(facets.data.rows, 'row')}${
              facets.data.distinct > SHOWN ? `, ${SHOWN} of them shown` : ''
            }`}
        </span>
        <CloseButton
          size="sm"
          aria-label="Close the counts"
          onClick={() => change({ count: undefined, order: undefined })}
        />
      </div>
      {facets.isPending && <Bones lines={3} />}
      {facets.isError && (
        <ErrorNote what="Could not count the values" error={facets.error} retry={() => void facets.refetch()} />
      )}
      {facets.data && (
        <div className="scroll-list" tabIndex={0} role="region" aria-label="Values">
          <ul className="bars">
            {facets.data.values.map((one) => {
              const value = one.value ?? '';
              const rows = plural(one.rows, 'row');
              return (
                <li key={`${one.value === undefined || one.value === null}${value}`}>
                  <button
                    type="button"
                    className="linkish cut"
                    title={`${value}\nOnly rows with this value`}
                    onClick={() => filter('=', value)}
                  >
                    {value === '' ? <span className="dim">(nothing)</span> : middle(value, 80)}
                  </button>
                  <meter
                    min={0}
                    max={most}
                    value={byClients ? one.clients : one.rows}
                    aria-label={`${value || 'nothing'}: ${rows}`}
                  />
                  <span className="row num nowrap">
                    {count(one.rows)} <span className="dim grow">on {plural(one.clients, 'client')}</span>
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      size={18}
                      aria-label={`Without ${value || 'those that have none'}`}
                      title="Only rows without this value"
                      onClick={() => filter('!=', value)}
                    >
                      <IconFilterX size={12} />
                    </ActionIcon>
                  </span>
                </li>
              );
            })}
          </ul>
        </div>
      )}
    </section>
  );
}

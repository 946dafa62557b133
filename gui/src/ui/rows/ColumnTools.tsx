// What stands in a column's heading: a filter with the values that are most frequent, and the count of all values.

import { ActionIcon, Button, NativeSelect, Popover, TextInput } from '@mantine/core';
import { IconChartBar, IconFilter } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, type Query } from '../../api/request';
import type { FacetsView } from '../../api/schema';
import { OPERATORS, type Condition, type Operator } from '../../lib/filters';
import { count, middle, plural } from '../../lib/text';
import { Bones } from '../parts';

/** So many values are offered with a filter. */
const OFFERED = 8;

interface Props {
  column: string;
  title: string;
  add: (condition: Condition) => void;
  countAll: () => void;
  /** Of the rows, and which of them count. */
  path: string;
  scope: Query;
}

export function ColumnTools(props: Props) {
  const { column, title, countAll } = props;
  const [open, setOpen] = useState(false);
  return (
    <>
      <Popover opened={open} onChange={setOpen} position="bottom-start" withinPortal shadow="md" trapFocus>
        <Popover.Target>
          <ActionIcon
            variant="subtle"
            color="gray"
            size={20}
            aria-label={`Filter on ${title}`}
            onClick={() => setOpen(!open)}
          >
            <IconFilter size={12} />
          </ActionIcon>
        </Popover.Target>
        <Popover.Dropdown>
          <Filter {...props} close={() => setOpen(false)} />
        </Popover.Dropdown>
      </Popover>
      <ActionIcon
        variant="subtle"
        color="gray"
        size={20}
        aria-label={`Count the values of ${title}`}
        title={`Count the values of ${title}`}
        data-count={column}
        onClick={countAll}
      >
        <IconChartBar size={12} />
      </ActionIcon>
    </>
  );
}

function Filter({ column, title, add, countAll, path, scope, close }: Props & { close: () => void }) {
  const [operator, setOperator] = useState<Operator>('~');
  const [value, setValue] = useState('');
  const query = { ...scope, column, order: 'rows', limit: OFFERED };
  const facets = useQuery({
    queryKey: ['facets', path, query],
    queryFn: ({ signal }) => get<FacetsView>(`${path}/facets`, query, signal),
    retry: false,
  });
  function take(condition: Condition) {
    add(condition);
    close();
  }
  return (
    <form
      className="stack tight column-filter"
      onSubmit={(event) => {
        event.preventDefault();
        take({ column, operator, value });
      }}
    >
      <strong>{title}</strong>
      <div className="row">
        <NativeSelect
          size="xs"
          aria-label="How to compare"
          value={operator}
          onChange={(e) => setOperator(e.currentTarget.value as Operator)}
          data={OPERATORS.map((o) => ({ value: o.operator, label: o.label }))}
        />
        <TextInput aria-label="Value" value={value} onChange={(e) => setValue(e.currentTarget.value)} data-autofocus />
        <Button type="submit">Filter</Button>
      </div>
      {facets.isPending && <Bones lines={3} />}
      {facets.data && (
        <ul className="bars" aria-label={`Frequent values of ${title}`}>
          {facets.data.values.map((one) => (
            <li key={`${one.value === undefined || one.value === null} ${one.value ?? ''}`}>
              <button
                type="button"
                className="linkish cut"
                title="Only rows with this value"
                onClick={() => take({ column, operator: '=', value: one.value ?? '' })}
              >
                {one.value ? middle(one.value, 44) : <span className="dim">(nothing)</span>}
              </button>
              <meter
                min={0}
                max={Math.max(1, facets.data.values[0]?.rows ?? 1)}
                value={one.rows}
                aria-label={plural(one.rows, 'row')}
              />
              <span className="num nowrap">{count(one.rows)}</span>
            </li>
          ))}
        </ul>
      )}
      {facets.data && facets.data.distinct > OFFERED && (
        <Button
          variant="subtle"
          size="compact-xs"
          onClick={() => {
            countAll();
            close();
          }}
        >
          All {count(facets.data.distinct)} values
        </Button>
      )}
    </form>
  );
}

// Rows of a hunt or a flow as one table: sources, search, filters, sort and the open row all live in the URL.

import { ActionIcon, Button, CloseButton, Menu, NativeSelect, Popover, TextInput, Tooltip } from '@mantine/core';
import {
  IconChartBar,
  IconChevronDown,
  IconDownload,
  IconFilter,
  IconFilterPlus,
  IconFilterX,
  IconTableOff,
  IconX,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState, type ReactNode } from 'react';
import { get, queryText } from '../api/request';
import type { RowPage, RowView, SourceView } from '../api/schema';
import { allRows, DOWNLOAD_MAX, saveFile, toCsv, toJsonl } from '../lib/download';
import {
  OPERATORS,
  readConditions,
  withCondition,
  withoutCondition,
  writeCondition,
  type Condition,
  type Operator,
} from '../lib/filters';
import { cellText, count, idKind, looksTechnical, middle } from '../lib/text';
import { DataTable, type WorkColumn } from './DataTable';
import { Facets } from './Facets';
import { JsonTree } from './JsonTree';
import { AnyId, ClientCell, ClientLink, FlowLink } from './links';
import { Copy, Empty, Moment } from './parts';
import { Search } from './Search';
import { sayError } from './toast';

export interface RowsState {
  q?: string;
  source?: string;
  filter?: string;
  sort?: string;
  desc?: boolean;
  row?: string;
  /** The column whose values are counted, and in which order. */
  count?: string;
  order?: string;
}

interface Props {
  /** Cache kind and id: `['hunt-rows', id]`. */
  cacheKey: [string, string];
  path: string;
  sources: SourceView[];
  state: RowsState;
  change: (part: RowsState) => void;
  /** Shows whose row it is; needless within one flow. */
  across: boolean;
  empty: ReactNode;
  /** Zip of everything. */
  zip: string;
  fileName: string;
}

const ALL = '*';

function useColumns(props: Props, source: string | undefined, first: RowPage | undefined): WorkColumn<RowView>[] {
  const { sources, across, state, change } = props;
  return useMemo(() => {
    const own = source
      ? (sources.find((s) => s.source === source)?.columns ?? [])
      : [...new Set(sources.flatMap((s) => s.columns))].slice(0, 60);
    const filterOf = (column: string) => (
      <FilterButton
        column={column}
        add={(condition) => change({ filter: withCondition(state.filter, condition), row: undefined })}
      />
    );
    const out: WorkColumn<RowView>[] = [];
    if (across) {
      out.push({
        id: '_hostname',
        title: 'Client',
        width: 150,
        sort: '_hostname',
        cell: (r) => <ClientCell id={r.client} name={r.hostname || undefined} />,
        tools: filterOf('_hostname'),
      });
    }
    if (!source && sources.length > 1)
      out.push({ id: '_source', title: 'Source', width: 190, sort: '_source', cell: (r) => r.source });
    for (const name of own) {
      const sample = (first?.items ?? []).slice(0, 40).map((r) => cellText(r.row[name]));
      const long = Math.max(name.length + 4, ...sample.map((s) => s.length));
      const numbers =
        sample.some((s) => s !== '') &&
        (first?.items ?? [])
          .slice(0, 40)
          .every((r) => r.row[name] === undefined || r.row[name] === null || typeof r.row[name] === 'number');
      out.push({
        id: name,
        title: name,
        width: Math.max(84, Math.min(380, long * 7.4 + 30)),
        sort: name,
        right: numbers,
        cell: (r) => <Cell value={r.row[name]} />,
        tools: filterOf(name),
      });
    }
    out.push({ id: '_stored', title: 'Arrived', width: 184, sort: '_stored', cell: (r) => <Moment at={r.stored} /> });
    if (across)
      out.push({ id: '_flow', title: 'Flow', width: 140, sort: '_flow', cell: (r) => <FlowLink id={r.flow} /> });
    return out;
    // The first page only decides widths: later pages must not make them jump.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [source, sources, across, state.filter, change, first === undefined]);
}

function Cell({ value }: { value: unknown }) {
  const text = cellText(value);
  if (text === '') return <span className="dim">{value === '' ? '' : '–'}</span>;
  const shown = middle(text, 120);
  return (
    <span
      className={typeof value === 'string' && !looksTechnical(text) ? '' : typeof value === 'number' ? 'num' : 'mono'}
      title={text.length > 30 ? text : undefined}
    >
      {shown}
    </span>
  );
}

export function RowsTable(props: Props) {
  const { state, change, sources, cacheKey } = props;
  const source = state.source === ALL ? undefined : (state.source ?? sources[0]?.source);
  const asked = { source, search: state.q, filter: state.filter, sort: state.sort, desc: state.desc };
  const fetchPage = (offset: number, limit: number, signal?: AbortSignal) =>
    get<RowPage>(props.path, { ...asked, offset, limit }, signal);
  const queryKey = [...cacheKey, asked];
  const first = useQuery<RowPage>({
    queryKey: [...queryKey, 'chunk', 0],
    queryFn: ({ signal }) => fetchPage(0, 100, signal),
  });
  const columns = useColumns(props, source, first.data);
  const conditions = readConditions(state.filter);
  const open = state.row === undefined ? undefined : Number(state.row);
  const total = first.data?.total ?? 0;
  const narrowed = !!state.q || conditions.length > 0;
  const own = columns.map((c) => c.id).filter((id) => !/^_(hostname|source|stored|flow)$/.test(id));
  return (
    <>
      {state.count !== undefined && (
        <Facets path={props.path} cacheKey={cacheKey} columns={own} source={source} state={state} change={change} />
      )}
      <DataTable<RowView>
        name={`rows.${source ?? 'all'}`}
        label="Results"
        columns={columns}
        queryKey={queryKey}
        fetchPage={fetchPage}
        rowKey={(_, index) => String(index)}
        sort={state.sort}
        desc={state.desc}
        onSort={(sort, desc) => change({ sort, desc, row: undefined })}
        selected={state.row}
        onOpen={(_, index) => change({ row: String(index) })}
        rowHeight={32}
        toolbar={
          <>
            {sources.length > 1 && (
              <NativeSelect
                size="xs"
                aria-label="Source"
                value={source ?? ALL}
                onChange={(e) =>
                  change({
                    source: e.currentTarget.value,
                    sort: undefined,
                    desc: undefined,
                    filter: undefined,
                    row: undefined,
                  })
                }
                data={[
                  ...sources.map((s) => ({ value: s.source, label: `${s.source} (${count(s.rows)})` })),
                  { value: ALL, label: 'All sources' },
                ]}
              />
            )}
            <Search label="Search in all columns" value={state.q} change={(q) => change({ q, row: undefined })} />
            {conditions.map((condition, i) => (
              <span key={writeCondition(condition)} className="chip">
                <span className="cut">
                  {condition.column} <b>{OPERATORS.find((o) => o.operator === condition.operator)?.label}</b>{' '}
                  {middle(condition.value, 40) || '(nothing)'}
                </span>
                <button
                  type="button"
                  aria-label={`Remove the filter on ${condition.column}`}
                  onClick={() => change({ filter: withoutCondition(state.filter, i), row: undefined })}
                >
                  <IconX size={13} />
                </button>
              </span>
            ))}
            <DownloadMenu
              zip={props.zip}
              fileName={props.fileName}
              total={total}
              narrowed={narrowed}
              columns={own}
              table={`/api/v1${props.path}/export${queryText({ source })}`}
              fetchPage={fetchPage}
            />
            {state.count === undefined && total > 0 && (
              <Button
                variant="default"
                leftSection={<IconChartBar size={14} />}
                onClick={() => change({ count: own[0] ?? '_hostname' })}
              >
                Count values
              </Button>
            )}
          </>
        }
        empty={
          narrowed ? (
            <Empty icon={IconTableOff} title="No row passes">
              <p>Nothing has what the search and filters want.</p>
              <Button variant="default" onClick={() => change({ q: undefined, filter: undefined })}>
                Show all rows
              </Button>
            </Empty>
          ) : (
            props.empty
          )
        }
        beside={
          open !== undefined && Number.isInteger(open) && open >= 0 ? (
            <RowPanel
              index={open}
              total={total}
              queryKey={queryKey}
              fetchPage={fetchPage}
              change={change}
              filter={state.filter}
              across={props.across}
            />
          ) : null
        }
      />
    </>
  );
}

function FilterButton({ column, add }: { column: string; add: (condition: Condition) => void }) {
  const [open, setOpen] = useState(false);
  const [operator, setOperator] = useState<Operator>('~');
  const [value, setValue] = useState('');
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" withinPortal shadow="md" trapFocus>
      <Popover.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={20}
          aria-label={`Filter on ${column}`}
          onClick={() => setOpen(!open)}
        >
          <IconFilter size={12} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        <form
          className="stack tight"
          onSubmit={(event) => {
            event.preventDefault();
            add({ column, operator, value });
            setOpen(false);
            setValue('');
          }}
        >
          <strong>{column}</strong>
          <div className="row">
            <NativeSelect
              size="xs"
              aria-label="How to compare"
              value={operator}
              onChange={(e) => setOperator(e.currentTarget.value as Operator)}
              data={OPERATORS.map((o) => ({ value: o.operator, label: o.label }))}
            />
            <TextInput
              aria-label="Value"
              value={value}
              onChange={(e) => setValue(e.currentTarget.value)}
              data-autofocus
            />
            <Button type="submit">Filter</Button>
          </div>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}

function DownloadMenu(props: {
  zip: string;
  fileName: string;
  total: number;
  narrowed: boolean;
  columns: string[];
  /** Where the whole table is, in other forms. */
  table: string;
  fetchPage: (offset: number, limit: number) => Promise<RowPage>;
}) {
  const [done, setDone] = useState<number | null>(null);
  async function save(kind: 'csv' | 'jsonl') {
    setDone(0);
    try {
      const rows = await allRows(props.fetchPage, setDone);
      if (kind === 'csv') saveFile(`${props.fileName}.csv`, 'text/csv', toCsv(rows, props.columns));
      else saveFile(`${props.fileName}.jsonl`, 'application/x-ndjson', toJsonl(rows));
    } catch (error) {
      sayError('Could not download the rows', error);
    }
    setDone(null);
  }
  const some = Math.min(props.total, DOWNLOAD_MAX);
  return (
    <Menu position="bottom-start" withinPortal shadow="md">
      <Menu.Target>
        <Button
          variant="default"
          leftSection={<IconDownload size={14} />}
          rightSection={<IconChevronDown size={13} />}
          loading={done !== null}
        >
          Download
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href={props.zip} download>
          Everything as a zip (rows, files, manifest)
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item disabled={some === 0} onClick={() => void save('csv')}>
          {props.narrowed ? 'These' : 'All'} {count(some)} rows as CSV
        </Menu.Item>
        <Menu.Item disabled={some === 0} onClick={() => void save('jsonl')}>
          {props.narrowed ? 'These' : 'All'} {count(some)} rows as JSON lines
        </Menu.Item>
        <Menu.Divider />
        {['csv', 'ndjson', 'parquet'].map((format) => (
          <Menu.Item
            key={format}
            component="a"
            href={`${props.table}${props.table.includes('?') ? '&' : '?'}format=${format}`}
            download
          >
            The whole table: {format === 'parquet' ? 'Parquet' : format === 'csv' ? 'CSV' : 'JSON lines'}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function RowPanel(props: {
  index: number;
  total: number;
  queryKey: readonly unknown[];
  fetchPage: (offset: number, limit: number, signal?: AbortSignal) => Promise<RowPage>;
  change: (part: RowsState) => void;
  filter?: string;
  across: boolean;
}) {
  const { index, change } = props;
  const { data, isPending } = useQuery({
    queryKey: [...props.queryKey, 'row', index],
    queryFn: ({ signal }) => props.fetchPage(index, 1, signal),
  });
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (event.key === 'Escape' && !document.querySelector('[role="dialog"]')) change({ row: undefined });
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [change]);
  const item = data?.items[0];
  return (
    <aside className="side" aria-label="The row" tabIndex={0}>
      <div className="side-head">
        <strong className="grow">
          Row {count(index + 1)} <span className="dim">of {count(props.total)}</span>
        </strong>
        {item && <Copy text={() => JSON.stringify(item.row, null, 2)} label="Copy the row as JSON" />}
        <CloseButton size="sm" aria-label="Close the row" onClick={() => change({ row: undefined })} />
      </div>
      {isPending && <div className="bone" />}
      {data && !item && <p className="dim">There is no such row any more.</p>}
      {item && (
        <>
          <dl className="facts" style={{ paddingBottom: 6 }}>
            {props.across && (
              <>
                <dt>Client</dt>
                <dd>
                  <ClientLink id={item.client} name={item.hostname || undefined} />
                </dd>
                <dt>Flow</dt>
                <dd>
                  <FlowLink id={item.flow} />
                </dd>
              </>
            )}
            <dt>Source</dt>
            <dd>{item.source}</dd>
            <dt>Arrived</dt>
            <dd>
              <Moment at={item.stored} />
            </dd>
          </dl>
          {Object.entries(item.row).map(([name, value]) => (
            <Field
              key={name}
              name={name}
              value={value}
              add={(condition) => change({ filter: withCondition(props.filter, condition), row: undefined })}
            />
          ))}
        </>
      )}
    </aside>
  );
}

function Field({ name, value, add }: { name: string; value: unknown; add: (condition: Condition) => void }) {
  const nested = typeof value === 'object' && value !== null;
  const text = nested ? JSON.stringify(value, null, 2) : String(value ?? '');
  return (
    <div className="field">
      <div className="field-name">
        {name}
        <span className="field-tools">
          {!nested && (
            <>
              <Tooltip label="Only rows with this value" withArrow>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="sm"
                  aria-label={`Only rows with this ${name}`}
                  onClick={() => add({ column: name, operator: '=', value: text })}
                >
                  <IconFilterPlus size={14} />
                </ActionIcon>
              </Tooltip>
              <Tooltip label="Only rows without this value" withArrow>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="sm"
                  aria-label={`Only rows without this ${name}`}
                  onClick={() => add({ column: name, operator: '!=', value: text })}
                >
                  <IconFilterX size={14} />
                </ActionIcon>
              </Tooltip>
            </>
          )}
          <Copy text={text} label={`Copy ${name}`} />
        </span>
      </div>
      {nested ? (
        <div className="tree">
          <JsonTree value={value} />
        </div>
      ) : (
        <div className={`field-value ${looksTechnical(text) || typeof value !== 'string' ? 'mono' : ''}`}>
          {typeof value === 'string' && idKind(value) ? (
            <AnyId text={value} />
          ) : value === null || value === undefined ? (
            <span className="dim">null</span>
          ) : text === '' ? (
            <span className="dim">empty</span>
          ) : (
            text
          )}
        </div>
      )}
    </div>
  );
}

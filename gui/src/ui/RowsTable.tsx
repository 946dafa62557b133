// Rows of a hunt or a flow as one table: sources, search, filters, sort and the open row all live in the URL.

import { Button, NativeSelect } from '@mantine/core';
import { IconChartBar, IconDatabaseSearch, IconTableOff, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, type ReactNode } from 'react';
import { get, type Query } from '../api/request';
import type { RowPage, RowView, SourceView } from '../api/schema';
import { OPERATORS, readConditions, withCondition, withoutCondition, writeCondition } from '../lib/filters';
import { FIRST_SQL, SQL_ORIGIN } from '../lib/sql';
import { cellText, count, looksTechnical, middle } from '../lib/text';
import { DataTable, type WorkColumn } from './DataTable';
import { Facets } from './Facets';
import { ClientCell, FlowLink } from './links';
import { Empty, Moment } from './parts';
import { ColumnTools } from './rows/ColumnTools';
import { DownloadMenu } from './rows/DownloadMenu';
import { RowPanel } from './rows/RowPanel';
import { SqlPanel } from './rows/SqlPanel';
import { Search } from './Search';

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
  /** The question in SQL that stands in the rows' place. */
  sql?: string;
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
  /** Zip of everything, and what is in it. */
  zip: string;
  zipSays: string;
  fileName: string;
  /** Which rounds of a hunt, for the API and in words. */
  rounds?: Query;
  roundsSay?: string;
  /** What stands first in the toolbar. */
  lead?: ReactNode;
}

const ALL = '*';

/** What the search and the filters leave, for questions about columns. */
interface Asked {
  source?: string;
  search?: string;
  filter?: string;
}

function useColumns(props: Props, asked: Asked, first: RowPage | undefined): WorkColumn<RowView>[] {
  const { sources, across, state, change } = props;
  const { source } = asked;
  const scope = JSON.stringify({ ...asked, ...props.rounds });
  return useMemo(() => {
    const own = source
      ? (sources.find((s) => s.source === source)?.columns ?? [])
      : [...new Set(sources.flatMap((s) => s.columns))].slice(0, 60);
    const toolsOf = (column: string, title = column) => (
      <ColumnTools
        column={column}
        title={title}
        path={props.path}
        scope={JSON.parse(scope) as Query}
        add={(condition) => change({ filter: withCondition(state.filter, condition), row: undefined })}
        countAll={() => change({ count: column })}
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
        tools: toolsOf('_hostname', 'Client'),
      });
    }
    if (props.rounds?.all_rounds) {
      out.push({
        id: '_round',
        title: 'Round',
        width: 112,
        right: true,
        sort: '_round',
        cell: (r) => count(r.round ?? 0),
        tools: toolsOf('_round', 'Round'),
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
        width: Math.max(112, Math.min(380, long * 7.4 + 46)),
        sort: name,
        right: numbers,
        cell: (r) => <Cell value={r.row[name]} />,
        tools: toolsOf(name),
      });
    }
    out.push({ id: '_stored', title: 'Arrived', width: 184, sort: '_stored', cell: (r) => <Moment at={r.stored} /> });
    if (across)
      out.push({ id: '_flow', title: 'Flow', width: 140, sort: '_flow', cell: (r) => <FlowLink id={r.flow} /> });
    return out;
    // The first page only decides widths: later pages must not make them jump.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [scope, sources, across, state.filter, change, first === undefined]);
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
  const kept = { source, search: state.q, filter: state.filter };
  const asked = { ...kept, sort: state.sort, desc: state.desc, ...props.rounds };
  const fetchPage = (offset: number, limit: number, signal?: AbortSignal) =>
    get<RowPage>(props.path, { ...asked, offset, limit }, signal);
  const queryKey = [...cacheKey, asked];
  const first = useQuery<RowPage>({
    queryKey: [...queryKey, 'chunk', 0],
    queryFn: ({ signal }) => fetchPage(0, 100, signal),
  });
  const columns = useColumns(props, kept, first.data);
  const conditions = readConditions(state.filter);
  const open = state.row === undefined ? undefined : Number(state.row);
  const total = first.data?.total ?? 0;
  const narrowed = !!state.q || conditions.length > 0;
  const own = columns.map((c) => c.id).filter((id) => !/^_(hostname|source|stored|flow|round)$/.test(id));
  const scope = { source, ...props.rounds };
  const scopeSays = [source ?? 'all sources', props.roundsSay].filter(Boolean).join(', ');
  const scopeRows = source
    ? sources.find((s) => s.source === source)?.rows
    : sources.reduce((sum, one) => sum + one.rows, 0);
  if (state.sql !== undefined) {
    return (
      <SqlPanel
        path={props.path}
        scope={scope}
        scopeSays={scopeSays}
        columns={own}
        text={state.sql}
        change={(sql) => change({ sql })}
        fileName={props.fileName}
        origin={props.rounds?.all_rounds ? [...SQL_ORIGIN, '_round'] : SQL_ORIGIN}
      />
    );
  }
  return (
    <>
      {state.count !== undefined && (
        <Facets
          path={props.path}
          cacheKey={cacheKey}
          columns={own}
          scope={{ ...kept, ...props.rounds }}
          state={state}
          change={change}
        />
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
            {props.lead}
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
              path={props.path}
              scope={scope}
              scopeSays={scopeSays}
              scopeRows={scopeRows}
              zip={props.zip}
              zipSays={props.zipSays}
              fileName={props.fileName}
              total={total}
              narrowed={narrowed}
              columns={own}
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
            {sources.length > 0 && (
              <Button
                variant="default"
                leftSection={<IconDatabaseSearch size={14} />}
                onClick={() => change({ sql: FIRST_SQL, row: undefined })}
              >
                SQL
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

// What have the log hunts found, and what was done about it?

import { Button, CloseButton, Menu, NativeSelect, Switch } from '@mantine/core';
import { IconChevronDown, IconDownload, IconFlag, IconUserCheck, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useMemo, useState } from 'react';
import * as logs from '../api/logs';
import { API, get, queryText } from '../api/request';
import type { LogCount, LogFindingPage, LogFindingView } from '../api/schema';
import { FINDING_STATES, SEVERITIES, toggled, valuesOf } from '../lib/logs';
import { cellText, count, middle, short } from '../lib/text';
import { DataTable, type WorkColumn } from '../ui/DataTable';
import { FindingMark, RuleLink, SeverityMark, Techniques, TenantLink } from '../ui/logs';
import { apiUrl, Bones, CliFold, Empty, Moment, useTitle } from '../ui/parts';
import { Search } from '../ui/Search';
import { FindingFacts } from './findings/FindingFacts';
import { useEscape } from './LogStream';

const Matrix = lazy(() => import('./findings/Matrix').then((m) => ({ default: m.Matrix })));
const TriageMany = lazy(() => import('./findings/TriageMany').then((m) => ({ default: m.TriageMany })));

export type FindingsSearch = ReturnType<typeof useFindingsSearch>['search'];
export type ChangeFindings = ReturnType<typeof useFindingsSearch>['change'];
function useFindingsSearch() {
  const search = useSearch({ from: '/findings' });
  const navigate = useNavigate({ from: '/findings' });
  const change = useCallback(
    (part: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true }),
    [navigate],
  );
  return { search, change };
}

const FILTERS = [
  'state',
  'severity',
  'tenant',
  'rule',
  'dataset',
  'attack',
  'from',
  'to',
  'late',
  'suppressed',
] as const;

/** What is asked of the server: the filters, without what only this page shows. */
export function asked(search: FindingsSearch) {
  const { q, sort, desc, view: _view, finding: _finding, bulk: _bulk, ...filters } = search;
  return { ...filters, search: q, sort, desc: sort ? (desc ?? false) : undefined };
}

export function Findings() {
  useTitle('Findings');
  const { search, change } = useFindingsSearch();
  const query = asked(search);
  const facets = useQuery(logs.facets(query));
  const overview = useQuery(logs.overview());
  const narrowed = !!search.q || FILTERS.some((name) => search[name] !== undefined);
  const clear = () => change({ q: undefined, ...Object.fromEntries(FILTERS.map((name) => [name, undefined])) });
  const setQ = useCallback((q?: string) => change({ q, finding: undefined }), [change]);
  const news = facets.data?.state.find((s) => s.value === 'new')?.count;
  const matrixView = search.view === 'matrix';
  return (
    <div className="page fill">
      <header className="page-head">
        <div className="grow">
          <h1>Findings</h1>
          <p className="subline">
            {news === undefined
              ? ' '
              : news === 0
                ? 'Nobody has to look at anything here'
                : `${count(news)} that nobody has looked at`}
            {narrowed && news !== undefined ? ', within these filters' : ''}
          </p>
        </div>
        <div className="actions">
          <Button
            variant="default"
            leftSection={<IconUserCheck size={15} />}
            onClick={() => change({ bulk: 'yes' })}
            title="Says something of all findings that are shown"
          >
            Triage all shown…
          </Button>
          <Exports query={query} />
        </div>
      </header>
      <div className="findings">
        <Facets facets={facets.data} search={search} change={change} />
        <div className="findings-main">
          <nav className="tabs" aria-label="Views of findings">
            {(
              [
                ['table', 'Table'],
                ['matrix', 'ATT&CK matrix'],
              ] as const
            ).map(([view, label]) => (
              <Link
                key={view}
                to="/findings"
                search={{ ...search, view: view === 'table' ? undefined : view, finding: undefined }}
                activeOptions={{ exact: true, includeSearch: true }}
                activeProps={{ 'aria-current': undefined }}
                aria-current={(view === 'matrix') === matrixView ? 'page' : undefined}
              >
                {label}
              </Link>
            ))}
          </nav>
          {matrixView ? (
            <Suspense fallback={<Bones lines={6} />}>
              <Matrix counts={facets.data?.attack} search={search} change={change} />
            </Suspense>
          ) : (
            <Table
              search={search}
              change={change}
              query={query}
              setQ={setQ}
              narrowed={narrowed}
              clear={clear}
              configured={overview.data?.configured !== false}
            />
          )}
        </div>
      </div>
      <CliFold
        cli={[`lycaon log findings${search.state ? ` --state ${search.state}` : ''}`]}
        api={[apiUrl(`/log/findings${queryText(query)}`), apiUrl(`/log/findings/export.ndjson${queryText(query)}`)]}
      />
      {search.bulk !== undefined && (
        <Suspense fallback={null}>
          <TriageMany query={query} close={() => change({ bulk: undefined })} />
        </Suspense>
      )}
    </div>
  );
}

function Exports({ query }: { query: object }) {
  const to = (form: string) => `${API}/log/findings/export.${form}${queryText({ ...query })}`;
  return (
    <Menu position="bottom-end" withinPortal shadow="md">
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={14} />} rightSection={<IconChevronDown size={13} />}>
          Download
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href={to('csv')} download>
          What is shown, as CSV
        </Menu.Item>
        <Menu.Item component="a" href={to('ndjson')} download>
          What is shown, as JSON lines
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function useColumns(items: LogFindingView[] | undefined): WorkColumn<LogFindingView>[] {
  return useMemo(() => {
    const columns: WorkColumn<LogFindingView>[] = [
      {
        id: 'severity',
        title: 'Severity',
        width: 126,
        sort: 'severity',
        cell: (f) => <SeverityMark state={f.severity} />,
      },
      { id: 'instant', title: 'Happened', width: 180, sort: 'instant', cell: (f) => <Moment at={f.instant} /> },
      { id: 'title', title: 'What', width: 280, cell: (f) => <span title={f.title}>{f.title}</span> },
      { id: 'tenant', title: 'Tenant', width: 150, sort: 'tenant', cell: (f) => <TenantLink name={f.tenant} /> },
      { id: 'rule', title: 'Rule', width: 190, sort: 'rule', cell: (f) => <RuleLink name={f.rule} /> },
      { id: 'state', title: 'State', width: 104, sort: 'state', cell: (f) => <FindingMark state={f.state} /> },
      { id: 'assignee', title: 'With', width: 110, cell: (f) => f.assignee ?? <span className="dim">–</span> },
      {
        id: 'row',
        title: 'Row',
        width: 460,
        cell: (f) => (
          <span className="mono" title={cellText(f.row)}>
            {Object.entries(f.row)
              .filter(([, v]) => v !== null && v !== '')
              .map(([k, v]) => `${k}=${middle(cellText(v), 60)}`)
              .join('  ')}
          </span>
        ),
      },
      { id: 'attack', title: 'ATT&CK', width: 140, cell: (f) => <Techniques ids={f.attack} /> },
      { id: 'dataset', title: 'Dataset', width: 160, sort: 'dataset', cell: (f) => f.dataset },
      {
        id: 'marks',
        title: 'Marks',
        width: 150,
        cell: (f) =>
          [f.late && 'late', f.suppressed_by && 'suppressed', f.notified && 'told'].filter(Boolean).join(', '),
      },
    ];
    return columns;
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [items === undefined]);
}

function Table(props: {
  search: FindingsSearch;
  change: ChangeFindings;
  query: ReturnType<typeof asked>;
  setQ: (q?: string) => void;
  narrowed: boolean;
  clear: () => void;
  configured: boolean;
}) {
  const { search, change, query, narrowed } = props;
  const columns = useColumns(undefined);
  useEscape(search.finding !== undefined, () => change({ finding: undefined }));
  return (
    <DataTable<LogFindingView>
      name="findings"
      label="Findings"
      noun={['finding', 'findings']}
      columns={columns}
      queryKey={['log', 'findings', query]}
      every={logs.LOG_EVERY}
      fetchPage={(offset, limit, signal) => get<LogFindingPage>('/log/findings', { ...query, offset, limit }, signal)}
      rowKey={(f) => f.id}
      sort={search.sort ?? 'instant'}
      desc={search.sort ? search.desc : true}
      onSort={(sort, desc) => change({ sort, desc, finding: undefined })}
      selected={search.finding}
      onOpen={(f) => change({ finding: f.id })}
      toolbar={
        <>
          <Search label="Search in the rows" value={search.q} change={props.setQ} />
          <NativeSelect
            size="xs"
            aria-label="Since"
            value={search.from && !search.to ? search.from : ''}
            onChange={(e) => change({ from: e.currentTarget.value || undefined, to: undefined, finding: undefined })}
            data={[{ value: '', label: 'Any time' }, ...SINCE(search.from)]}
          />
          <Chips search={search} change={change} />
        </>
      }
      empty={
        narrowed ? (
          <Empty icon={IconFlag} title="No finding like this">
            <p>Nothing has what the search and the filters want.</p>
            <Button variant="default" onClick={props.clear}>
              Show all findings
            </Button>
          </Empty>
        ) : (
          <Empty icon={IconFlag} title="Nothing was found yet" cli="lycaon log status">
            <p>
              {props.configured
                ? 'The rules run on their schedules; what they find appears here by itself.'
                : 'This server has no log hunts: add `log_hunts:` to its configuration.'}
            </p>
          </Empty>
        )
      }
      beside={
        search.finding ? (
          <aside className="side wide" aria-label="The finding" tabIndex={0}>
            <div className="side-head">
              <strong className="grow">Finding</strong>
              <CloseButton size="sm" aria-label="Close the finding" onClick={() => change({ finding: undefined })} />
            </div>
            <FindingFacts id={search.finding} />
          </aside>
        ) : null
      }
    />
  );
}

function SINCE(chosen?: string) {
  const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
  const all = [
    { value: ago(0), label: 'Today (UTC)' },
    { value: ago(1), label: 'Since yesterday' },
    { value: ago(7), label: 'Last 7 days' },
    { value: ago(30), label: 'Last 30 days' },
  ];
  if (chosen && !all.some((s) => s.value === chosen)) all.push({ value: chosen, label: `Since ${chosen}` });
  return all;
}

function Chips({ search, change }: { search: FindingsSearch; change: ChangeFindings }) {
  const chips: [string, string, () => void][] = [];
  for (const name of FILTERS) {
    const text = search[name];
    if (!text || (name === 'from' && !search.to)) continue;
    for (const value of name === 'from' || name === 'to' ? [text] : valuesOf(text))
      chips.push([
        name,
        value,
        () =>
          change({
            [name]: name === 'from' || name === 'to' ? undefined : toggled(text, value),
            finding: undefined,
          }),
      ]);
  }
  return chips.map(([name, value, remove]) => (
    <span key={`${name}=${value}`} className="chip">
      <span className="cut">
        {name} <b>{value}</b>
      </span>
      <button type="button" aria-label={`Remove the filter ${name} ${value}`} onClick={remove}>
        <IconX size={13} />
      </button>
    </span>
  ));
}

interface FacetProps {
  name: 'state' | 'severity' | 'rule' | 'tenant' | 'dataset' | 'attack';
  title: string;
  values?: LogCount[];
  search: FindingsSearch;
  change: ChangeFindings;
  order?: readonly string[];
}

function Facets({
  facets,
  search,
  change,
}: {
  facets?: Partial<Record<FacetProps['name'], LogCount[]>>;
  search: FindingsSearch;
  change: ChangeFindings;
}) {
  const all: [FacetProps['name'], string, (readonly string[])?][] = [
    ['state', 'State', FINDING_STATES],
    ['severity', 'Severity', SEVERITIES],
    ['rule', 'Rule'],
    ['tenant', 'Tenant'],
    ['dataset', 'Dataset'],
    ['attack', 'ATT&CK'],
  ];
  return (
    <aside className="facets" aria-label="Filters" tabIndex={0}>
      {all.map(([name, title, order]) => (
        <Facet
          key={name}
          name={name}
          title={title}
          values={facets?.[name]}
          search={search}
          change={change}
          order={order}
        />
      ))}
      <Switch
        size="xs"
        label="Only late ones"
        checked={search.late === 'true'}
        onChange={(e) => change({ late: e.currentTarget.checked ? 'true' : undefined })}
      />
      <Switch
        size="xs"
        label="Without suppressed ones"
        checked={search.suppressed === 'false'}
        onChange={(e) => change({ suppressed: e.currentTarget.checked ? 'false' : undefined })}
      />
    </aside>
  );
}

function Facet({ name, title, values, search, change, order }: FacetProps) {
  const [more, setMore] = useState(false);
  const chosen = valuesOf(search[name]);
  const known = values ?? [];
  const sorted = order
    ? order.map((value) => known.find((v) => v.value === value) ?? { value, count: 0 })
    : // What is chosen stays in sight even when nothing has it.
      [...known, ...chosen.filter((c) => !known.some((v) => v.value === c)).map((value) => ({ value, count: 0 }))];
  const shown = more || order ? sorted : sorted.filter((v, i) => i < 8 || chosen.includes(v.value));
  // One technique at a time: the server takes one.
  const toggle = (value: string) =>
    change({
      [name]: name === 'attack' ? (chosen.includes(value) ? undefined : value) : toggled(search[name], value),
      finding: undefined,
    });
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {values === undefined && <div className="bone" />}
      {values !== undefined && sorted.length === 0 && <p className="dim">–</p>}
      <ul>
        {values !== undefined &&
          shown.map((v) => (
            <li key={v.value}>
              <button
                type="button"
                aria-pressed={chosen.includes(v.value)}
                className={v.count === 0 ? 'none' : ''}
                onClick={() => toggle(v.value)}
              >
                <span className="cut" title={v.value}>
                  {v.value}
                </span>
                <b className="num lively">{short(v.count)}</b>
              </button>
            </li>
          ))}
      </ul>
      {sorted.length > shown.length && (
        <button type="button" className="linkish" onClick={() => setMore(true)}>
          {count(sorted.length - shown.length)} more
        </button>
      )}
    </section>
  );
}

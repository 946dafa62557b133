// Tenants by rules: which stream stands how? One cell for each, by shape and colour, its lag on hover.

import { Button, NativeSelect } from '@mantine/core';
import { IconGridDots } from '@tabler/icons-react';
import { useQueries } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { LOG_EVERY } from '../../api/logs';
import { get } from '../../api/request';
import type { LogCell, LogGrid, LogGridRow, LogGridRule } from '../../api/schema';
import { lagText, STREAM_STATES } from '../../lib/logs';
import { count, plural } from '../../lib/text';
import { streamWord, StreamShape } from '../../ui/logs';
import { Empty, ErrorNote } from '../../ui/parts';
import { Search } from '../../ui/Search';
import type { ChangeLog, LogSearch } from '../LogHunts';

const CHUNK = 100;
const ROW = 28;
const COLUMN = 30;

export function Grid({ search, change }: { search: LogSearch; change: ChangeLog }) {
  const query = { tenant: search.q, rule: search.rule, state: search.state, sort: search.sort };
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState<[number, number]>([0, 0]);
  const numbers = useMemo(() => {
    const wanted = new Set([0]);
    for (let i = range[0]; i <= range[1]; i++) wanted.add(i);
    return [...wanted];
  }, [range]);
  const answers = useQueries({
    queries: numbers.map((i) => ({
      queryKey: ['log', 'grid', query, i],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        get<LogGrid>('/log/grid', { ...query, offset: i * CHUNK, limit: CHUNK }, signal),
      refetchInterval: LOG_EVERY,
    })),
  });
  const first = answers[0]!;
  const kept = useRef<LogGrid>(undefined);
  if (first.data) kept.current = first.data;
  const shown = first.data ?? kept.current;
  const byNumber = new Map(numbers.map((n, i) => [n, answers[i]!.data]));
  const row = (index: number) => byNumber.get(Math.floor(index / CHUNK))?.items[index % CHUNK];
  const setQ = useCallback((q?: string) => change({ q }), [change]);
  const setRule = useCallback((rule?: string) => change({ rule }), [change]);
  const narrowed = search.q || search.rule || search.state;
  return (
    <>
      <div className="toolbar">
        <Search label="Find tenants" value={search.q} change={setQ} width={190} />
        <Search label="Find rules" value={search.rule} change={setRule} width={190} />
        <NativeSelect
          size="xs"
          aria-label="State"
          value={search.state ?? ''}
          onChange={(e) => change({ state: e.currentTarget.value || undefined })}
          data={[
            { value: '', label: 'Any state' },
            { value: 'trouble', label: 'Needs a look' },
            ...STREAM_STATES.map((s) => ({ value: s.state, label: s.label })),
          ]}
        />
        <NativeSelect
          size="xs"
          aria-label="Order"
          value={search.sort ?? ''}
          onChange={(e) => change({ sort: e.currentTarget.value || undefined })}
          data={[
            { value: '', label: 'By name' },
            { value: 'trouble', label: 'Worst first' },
            { value: 'lag', label: 'Longest lag first' },
          ]}
        />
        <span className="tally" style={{ marginLeft: 'auto' }} role="status">
          {shown ? `${plural(shown.total, 'tenant')} × ${plural(shown.rules.length, 'rule')}` : ''}
        </span>
      </div>
      {first.error && !shown && (
        <ErrorNote what="Could not load the grid" error={first.error} retry={() => void first.refetch()} />
      )}
      {shown && (shown.total === 0 || shown.rules.length === 0) ? (
        narrowed ? (
          <Empty icon={IconGridDots} title="No tenant like this">
            <Button variant="default" onClick={() => change({ q: undefined, rule: undefined, state: undefined })}>
              Show all tenants
            </Button>
          </Empty>
        ) : (
          <Empty icon={IconGridDots} title="No tenant or no rule yet" cli="lycaon log check ./log-hunts">
            <p>Put a tenant and a rule into the folder of definitions; they are read again by themselves.</p>
          </Empty>
        )
      ) : (
        <Cells box={box} rules={shown?.rules} total={shown?.total ?? 12} row={row} range={range} setRange={setRange} />
      )}
    </>
  );
}

interface CellsProps {
  box: React.RefObject<HTMLDivElement | null>;
  rules?: LogGridRule[];
  total: number;
  row: (index: number) => LogGridRow | undefined;
  range: [number, number];
  setRange: (range: [number, number]) => void;
}

function Cells({ box, rules, total, row, range, setRange }: CellsProps) {
  const navigate = useNavigate();
  const [active, setActive] = useState<[number, number]>([-1, 0]);
  const width = rules?.length ?? 12;
  const rows = useVirtualizer({
    count: total,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 8,
    onChange: (v) => {
      const items = v.getVirtualItems();
      const next: [number, number] = [
        Math.floor((items[0]?.index ?? 0) / CHUNK),
        Math.floor((items.at(-1)?.index ?? 0) / CHUNK),
      ];
      if (next[0] !== range[0] || next[1] !== range[1]) setRange(next);
    },
  });
  const columns = useVirtualizer({
    horizontal: true,
    count: width,
    getScrollElement: () => box.current,
    estimateSize: () => COLUMN,
    overscan: 12,
  });
  function onKey(event: KeyboardEvent) {
    const steps: Record<string, [number, number]> = {
      ArrowDown: [1, 0],
      ArrowUp: [-1, 0],
      ArrowRight: [0, 1],
      ArrowLeft: [0, -1],
      Home: [0, -width],
      End: [0, width],
      PageDown: [15, 0],
      PageUp: [-15, 0],
    };
    const step = steps[event.key];
    if (step) {
      event.preventDefault();
      const clamp = (n: number, max: number) => Math.max(0, Math.min(max - 1, n));
      const next: [number, number] = [clamp(active[0] + step[0], total), clamp(active[1] + step[1], width)];
      setActive(next);
      rows.scrollToIndex(next[0]);
      columns.scrollToIndex(next[1]);
    } else if (event.key === 'Enter' && active[0] >= 0) {
      const line = row(active[0]);
      const cell = line?.cells[active[1]];
      const rule = rules?.[active[1]];
      if (line && rule && cell)
        void navigate({
          to: '/log/streams/$tenant/$dataset/$rule',
          params: { tenant: line.tenant, dataset: cell.dataset, rule: rule.name },
          search: { part: cell.part || undefined },
        });
    }
  }
  const here = active[0] >= 0 ? row(active[0]) : undefined;
  return (
    <>
      <div
        ref={box}
        className="lgrid"
        role="grid"
        aria-label="Tenants by rules"
        aria-rowcount={total + 1}
        aria-colcount={width + 1}
        aria-busy={!rules}
        aria-activedescendant={active[0] >= 0 ? `cell-${active[0]}-${active[1]}` : undefined}
        tabIndex={0}
        onKeyDown={onKey}
      >
        <div className="lgrid-in" style={{ width: 190 + width * COLUMN + 120, height: rows.getTotalSize() + 118 }}>
          <div className="lgrid-head" role="row" aria-rowindex={1}>
            <span role="columnheader" className="lgrid-corner">
              Tenant
            </span>
            {columns.getVirtualItems().map(({ index, start }) => {
              const rule = rules?.[index];
              return (
                <span
                  key={index}
                  role="columnheader"
                  aria-colindex={index + 2}
                  className="lgrid-rule"
                  style={{ transform: `translateX(${start + 190}px)` }}
                >
                  {rule && (
                    <Link
                      to="/log/rules/$rule"
                      params={{ rule: rule.name }}
                      search={{}}
                      tabIndex={-1}
                      className={rule.disabled ? 'dim' : ''}
                      title={`${rule.title}\n${rule.name}, ${rule.severity}${rule.disabled ? ', disabled' : ''}`}
                    >
                      {rule.name}
                    </Link>
                  )}
                </span>
              );
            })}
          </div>
          {rows.getVirtualItems().map(({ index, start }) => {
            const line = row(index);
            return (
              <div
                key={index}
                role="row"
                aria-rowindex={index + 2}
                className={`lgrid-row ${index === active[0] ? 'active' : ''}`}
                style={{ transform: `translateY(${start}px)` }}
              >
                <span role="rowheader" className="lgrid-tenant">
                  {line ? (
                    <Link to="/log/tenants/$tenant" params={{ tenant: line.tenant }} search={{}} tabIndex={-1}>
                      {line.tenant}
                    </Link>
                  ) : (
                    <span className="bone" />
                  )}
                </span>
                {line &&
                  columns
                    .getVirtualItems()
                    .map((column) => (
                      <Cell
                        key={column.index}
                        id={`cell-${index}-${column.index}`}
                        active={index === active[0] && column.index === active[1]}
                        left={column.start + 190}
                        column={column.index}
                        tenant={line.tenant}
                        rule={rules?.[column.index]}
                        cell={line.cells[column.index]}
                      />
                    ))}
              </div>
            );
          })}
        </div>
      </div>
      <p className="dim lgrid-said" role="status">
        {here && rules?.[active[1]]
          ? told(here.tenant, rules[active[1]]!.name, here.cells[active[1]])
          : 'Arrow keys walk the grid, Enter opens a stream.'}
      </p>
    </>
  );
}

function told(tenant: string, rule: string, cell?: LogCell | null): string {
  if (!cell) return `${tenant}, ${rule}: does not run here`;
  const parts = [streamWord(cell.state)];
  if (cell.lag_millis !== null && cell.lag_millis !== undefined) parts.push(`lag ${lagText(cell.lag_millis)}`);
  if (cell.streams > 1) parts.push(plural(cell.streams, 'stream'));
  if (cell.gaps > 0) parts.push(`${count(cell.gaps)} given up`);
  if (cell.failure) parts.push(cell.failure);
  return `${tenant}, ${rule}: ${parts.join(', ')}`;
}

interface CellProps {
  id: string;
  active: boolean;
  left: number;
  column: number;
  tenant: string;
  rule?: LogGridRule;
  cell?: LogCell | null;
}

function Cell({ id, active, left, column, tenant, rule, cell }: CellProps) {
  const place = { transform: `translateX(${left}px)` };
  const common = { id, 'aria-colindex': column + 2, style: place };
  if (!rule || !cell)
    return (
      <span {...common} role="gridcell" className={`lgrid-cell none ${active ? 'active' : ''}`}>
        <span className="sr">does not run</span>
      </span>
    );
  const text = told(tenant, rule.name, cell);
  return (
    <span {...common} role="gridcell" className={`lgrid-cell ${active ? 'active' : ''}`}>
      <Link
        to="/log/streams/$tenant/$dataset/$rule"
        params={{ tenant, dataset: cell.dataset, rule: rule.name }}
        search={{ part: cell.part || undefined }}
        tabIndex={-1}
        className={`l-${cell.state}`}
        title={text}
        aria-label={text}
        preload={false}
      >
        <StreamShape state={cell.state} />
      </Link>
    </span>
  );
}

// The work table: the server sorts, filters and counts; this fetches only the stretch in sight, keeps widths and
// hidden columns per user, and is walked with the arrow keys. Refetching never moves what is on screen.

import { ActionIcon, Button, Checkbox, Menu, TextInput, Tooltip } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconColumns3 } from '@tabler/icons-react';
import { useQueries } from '@tanstack/react-query';
import {
  columnResizingFeature,
  columnSizingFeature,
  columnVisibilityFeature,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { count } from '../lib/text';
import { ErrorNote, useKept } from './parts';

export interface WorkColumn<T> {
  id: string;
  title: string;
  width: number;
  /** The server's name for sorting by it. */
  sort?: string;
  right?: boolean;
  cell: (item: T) => ReactNode;
  /** Extra things in the header, such as a filter. */
  tools?: ReactNode;
}

export interface PageOf<T> {
  items: T[];
  total: number;
}

interface Props<T> {
  /** Widths and hidden columns are kept under this name. */
  name: string;
  label: string;
  columns: WorkColumn<T>[];
  queryKey: readonly unknown[];
  fetchPage: (offset: number, limit: number, signal: AbortSignal) => Promise<PageOf<T>>;
  rowKey: (item: T, index: number) => string;
  sort?: string;
  desc?: boolean;
  onSort?: (sort: string | undefined, desc: boolean | undefined) => void;
  onOpen?: (item: T, index: number) => void;
  selected?: string;
  empty: ReactNode;
  /** What stands left of the count. */
  toolbar?: ReactNode;
  noun?: [one: string, many: string];
  rowHeight?: number;
  bounded?: boolean;
  beside?: ReactNode;
  /** Asks again by itself, for records that no event tells of. */
  every?: number;
}

const CHUNK = 100;
// Browsers cannot scroll further than some 33 million pixels: longer tables are shown in stretches.
const STRETCH = 900_000;
/** From here on a number leads to a row faster than the scroll bar. */
const LONG = 2_000;
const features = tableFeatures({ columnSizingFeature, columnResizingFeature, columnVisibilityFeature });
const NO_ROWS: never[] = [];

/** The chunks in sight, and the total that the newest answer gave. */
function useChunks<T>(props: Props<T>, first: number, last: number) {
  const numbers = useMemo(() => {
    const wanted = new Set([0]);
    for (let i = Math.floor(first / CHUNK); i <= Math.floor(last / CHUNK); i++) wanted.add(i);
    return [...wanted];
  }, [first, last]);
  const answers = useQueries({
    queries: numbers.map((i) => ({
      queryKey: [...props.queryKey, 'chunk', i],
      queryFn: ({ signal }: { signal: AbortSignal }) => props.fetchPage(i * CHUNK, CHUNK, signal),
      refetchInterval: props.every,
    })),
  });
  const newest = answers.reduce<(typeof answers)[number] | undefined>(
    (best, answer) => (answer.data && (!best || answer.dataUpdatedAt > best.dataUpdatedAt) ? answer : best),
    undefined,
  );
  const byNumber = new Map(numbers.map((n, i) => [n, answers[i]!]));
  return {
    total: newest?.data?.total,
    error: answers.find((answer) => answer.isError && !answer.data)?.error,
    retry: () => answers.forEach((answer) => void answer.refetch()),
    row: (index: number): T | undefined => byNumber.get(Math.floor(index / CHUNK))?.data?.items[index % CHUNK],
  };
}

export function DataTable<T>(props: Props<T>) {
  const { columns, rowKey, onOpen, selected, rowHeight = 34, noun = ['row', 'rows'] } = props;
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState<[number, number]>([0, 40]);
  const [active, setActive] = useState(-1);
  const [start, setStart] = useState(0);
  const goal = useRef<number | null>(null);
  const [widths, keepWidths] = useKept<Record<string, number>>(`table.${props.name}.widths`, {});
  const [visibility, keepVisibility] = useKept<Record<string, boolean>>(`table.${props.name}.columns`, {});
  const chunks = useChunks(props, range[0], range[1]);
  // While a new question is under way the old count stays, so that nothing jumps.
  const lastTotal = useRef(0);
  if (chunks.total !== undefined) lastTotal.current = chunks.total;
  const known = chunks.total ?? (chunks.error ? 0 : Math.max(1, Math.min(lastTotal.current || 8, 40)));
  // The first row of the stretch that can be scrolled now.
  const base = start < known ? start : 0;
  const rows = Math.min(known - base, STRETCH);

  const table = useTable({
    features,
    data: NO_ROWS as Record<string, unknown>[],
    columns: useMemo(
      () => columns.map((c) => ({ id: c.id, header: c.title, size: c.width, minSize: 56, accessorFn: () => null })),
      [columns],
    ),
    columnResizeMode: 'onChange',
    state: { columnSizing: widths, columnVisibility: visibility },
    onColumnSizingChange: (change) => keepWidths(typeof change === 'function' ? change(widths) : change),
    onColumnVisibilityChange: (change) => keepVisibility(typeof change === 'function' ? change(visibility) : change),
  });
  const headers = table.getHeaderGroups()[0]?.headers ?? [];
  const byId = new Map(columns.map((c) => [c.id, c]));

  const virtual = useVirtualizer({
    count: rows,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 10,
    scrollMargin: 0,
    paddingStart: 0,
  });
  const items = virtual.getVirtualItems();
  const from = items[0]?.index ?? 0;
  const to = items.at(-1)?.index ?? 0;
  useEffect(() => {
    const next: [number, number] = [base + Math.max(0, from), base + Math.max(to, 0)];
    if (
      Math.floor(next[0] / CHUNK) !== Math.floor(range[0] / CHUNK) ||
      Math.floor(next[1] / CHUNK) !== Math.floor(range[1] / CHUNK)
    )
      setRange(next);
  }, [from, to, base, range]);
  /** Brings a row into sight, in another stretch if need be. */
  function reveal(row: number) {
    const wanted = Math.floor(row / STRETCH) * STRETCH;
    if (wanted === base) return virtual.scrollToIndex(row - base);
    goal.current = row;
    setStart(wanted);
  }
  useEffect(() => {
    if (goal.current === null) return;
    virtual.scrollToIndex(goal.current - base, { align: 'center' });
    goal.current = null;
  }, [base, virtual]);
  // A new question begins at its top.
  const asked = JSON.stringify(props.queryKey);
  const before = useRef(asked);
  useEffect(() => {
    if (before.current !== asked) {
      before.current = asked;
      box.current?.scrollTo({ top: 0 });
      setActive(-1);
      setStart(0);
    }
  }, [asked]);

  function onKey(event: KeyboardEvent) {
    if (event.target !== box.current) return;
    const perPage = Math.max(1, Math.floor((box.current?.clientHeight ?? 300) / rowHeight) - 2);
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: perPage,
      PageUp: -perPage,
      Home: -known,
      End: known,
    };
    const step = steps[event.key];
    if (step !== undefined && known > 0) {
      event.preventDefault();
      const next = Math.max(0, Math.min(known - 1, (active < 0 ? (step > 0 ? -1 : 0) : active) + step));
      setActive(next);
      reveal(next);
      // With the panel open, walking shows each row.
      const item = chunks.row(next);
      if (selected !== undefined && item) onOpen?.(item, next);
    } else if (event.key === 'Enter' && active >= 0) {
      const item = chunks.row(active);
      if (item) onOpen?.(item, active);
    }
  }

  function nextSort(key: string) {
    if (props.sort !== key) props.onSort?.(key, undefined);
    else if (!props.desc) props.onSort?.(key, true);
    else props.onSort?.(undefined, undefined);
  }

  const total = chunks.total;
  return (
    <>
      <div className="toolbar">
        {props.toolbar}
        <span className="tally" style={{ marginLeft: 'auto' }} role="status">
          {total === undefined ? '' : `${count(total)} ${total === 1 ? noun[0] : noun[1]}`}
        </span>
        {total !== undefined && total > LONG && (
          <GoToRow
            total={total}
            go={(row) => {
              setActive(row);
              reveal(row);
              box.current?.focus();
            }}
          />
        )}
        <ColumnPicker columns={columns} visibility={visibility} change={keepVisibility} reset={() => keepWidths({})} />
      </div>
      {chunks.error && <ErrorNote what={`Could not load the ${noun[1]}`} error={chunks.error} retry={chunks.retry} />}
      {total === 0 && !chunks.error ? (
        props.empty
      ) : chunks.error && total === undefined ? null : (
        <div className="table-area">
          <div
            ref={box}
            className={`table ${props.bounded ? 'bounded' : ''}`}
            role="grid"
            aria-label={props.label}
            aria-rowcount={(total ?? 0) + 1}
            aria-activedescendant={active >= 0 ? `${props.name}-row-${active}` : undefined}
            aria-busy={total === undefined}
            tabIndex={0}
            onKeyDown={onKey}
          >
            <div className="table-in">
              <div className="thead" role="row" aria-rowindex={1}>
                {headers.map((header) => {
                  const column = byId.get(header.column.id)!;
                  const sorted =
                    column.sort && props.sort === column.sort ? (props.desc ? 'descending' : 'ascending') : undefined;
                  return (
                    <div
                      key={header.id}
                      role="columnheader"
                      aria-sort={sorted}
                      className={`th ${column.right ? 'right' : ''}`}
                      style={{ width: header.getSize() }}
                    >
                      {column.sort && props.onSort ? (
                        <button
                          type="button"
                          className="sorter"
                          onClick={() => nextSort(column.sort!)}
                          title={`Sort by ${column.title}`}
                        >
                          <span className="cut">{column.title}</span>
                          {sorted === 'ascending' && <IconArrowUp aria-hidden />}
                          {sorted === 'descending' && <IconArrowDown aria-hidden />}
                        </button>
                      ) : (
                        <span className="cut">{column.title}</span>
                      )}
                      {column.tools}
                      <div
                        className={`resizer ${header.column.getIsResizing() ? 'active' : ''}`}
                        aria-hidden="true"
                        onMouseDown={header.getResizeHandler()}
                        onTouchStart={header.getResizeHandler()}
                        onDoubleClick={() => header.column.resetSize()}
                      />
                    </div>
                  );
                })}
              </div>
              <div className="tbody" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
                {items.map((place) => {
                  const index = base + place.index;
                  const item = chunks.row(index);
                  const key = item ? rowKey(item, index) : undefined;
                  const isSelected = selected !== undefined && key === selected;
                  return (
                    <div
                      key={index}
                      id={`${props.name}-row-${index}`}
                      role="row"
                      aria-rowindex={index + 2}
                      aria-selected={isSelected || undefined}
                      className={`tr ${onOpen && item ? 'opens' : ''} ${index === active || isSelected ? 'active' : ''} ${isSelected ? 'selected' : ''}`}
                      style={{ height: rowHeight, transform: `translateY(${place.start}px)` }}
                      onClick={(event) => {
                        if (!item || (event.target as Element).closest('a,button,input')) return;
                        if (window.getSelection()?.toString()) return;
                        setActive(index);
                        onOpen?.(item, index);
                      }}
                    >
                      {headers.map((header) => {
                        const column = byId.get(header.column.id)!;
                        return (
                          <div
                            key={header.id}
                            role="gridcell"
                            className={`td ${column.right ? 'right num' : ''}`}
                            style={{ width: header.getSize() }}
                          >
                            {item ? column.cell(item) : <div className="bone" />}
                          </div>
                        );
                      })}
                    </div>
                  );
                })}
              </div>
            </div>
          </div>
          {props.beside}
        </div>
      )}
      {total !== undefined && total > STRETCH && (
        <nav className="row stretches" aria-label="Stretches of the table">
          <span className="dim" role="status">
            {noun[1]} {count(base + 1)} to {count(base + rows)} of {count(total)}
          </span>
          <Button variant="default" disabled={base === 0} onClick={() => setStart(base - STRETCH)}>
            Earlier
          </Button>
          <Button variant="default" disabled={base + rows >= total} onClick={() => setStart(base + STRETCH)}>
            Later
          </Button>
        </nav>
      )}
    </>
  );
}

function GoToRow({ total, go }: { total: number; go: (row: number) => void }) {
  const [text, setText] = useState('');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const row = Number(text.replaceAll(/[\s,]/g, ''));
        if (Number.isInteger(row) && row > 0) go(Math.min(row, total) - 1);
      }}
    >
      <TextInput
        size="xs"
        w={92}
        inputMode="numeric"
        aria-label="Go to row"
        placeholder="Go to row"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
    </form>
  );
}

function ColumnPicker<T>(props: {
  columns: WorkColumn<T>[];
  visibility: Record<string, boolean>;
  change: (value: Record<string, boolean>) => void;
  reset: () => void;
}) {
  const shown = (id: string) => props.visibility[id] !== false;
  return (
    <Menu position="bottom-end" closeOnItemClick={false} withinPortal shadow="md">
      <Menu.Target>
        <Tooltip label="Columns" withArrow>
          <ActionIcon variant="default" size={30} aria-label="Choose columns">
            <IconColumns3 size={16} />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown mah={420} style={{ overflow: 'auto' }}>
        {props.columns.map((column) => (
          <Menu.Item
            key={column.id}
            onClick={() => props.change({ ...props.visibility, [column.id]: !shown(column.id) })}
          >
            <Checkbox size="xs" label={column.title} checked={shown(column.id)} readOnly tabIndex={-1} />
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item
          onClick={() => {
            props.change({});
            props.reset();
          }}
        >
          As at first
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

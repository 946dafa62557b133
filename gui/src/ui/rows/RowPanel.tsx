// One row of a table of results, whole: where it comes from, and each of its values.

import { ActionIcon, CloseButton, Tooltip } from '@mantine/core';
import { IconFilterPlus, IconFilterX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { RowPage } from '../../api/schema';
import { withCondition, type Condition } from '../../lib/filters';
import { count, idKind, looksTechnical } from '../../lib/text';
import { JsonTree } from '../JsonTree';
import { AnyId, ClientLink, FlowLink } from '../links';
import { Copy, Moment } from '../parts';
import type { RowsState } from '../RowsTable';

export function RowPanel(props: {
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

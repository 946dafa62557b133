// What does SQL say about these rows? One SELECT over the table `results`, its answer as a table.

import { Button, CloseButton, Menu } from '@mantine/core';
import { IconChevronDown, IconDownload, IconPlayerPlay } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { post, type Query } from '../../api/request';
import type { SqlRequest, SqlView } from '../../api/schema';
import { csvLine, saveFile } from '../../lib/download';
import { sqlExamples } from '../../lib/sql';
import { cellText, count, idKind, looksTechnical, middle, millis, plural } from '../../lib/text';
import { AnyId } from '../links';
import { Bones, ErrorNote, Note } from '../parts';
import { SqlField } from '../Vql';

/** So many rows of an answer are asked for and shown. */
const ROWS_MAX = 1000;

interface Props {
  /** Of the rows. */
  path: string;
  /** Which of them: source, rounds. */
  scope: Query;
  /** In words. */
  scopeSays: string;
  columns: string[];
  text: string;
  change: (text: string | undefined) => void;
  fileName: string;
  /** What every row has beside its own columns. */
  origin: string[];
}

interface Answer extends SqlView {
  took: number;
}

export function SqlPanel({ path, scope, scopeSays, columns, text, change, fileName, origin }: Props) {
  const [draft, setDraft] = useState(text);
  const [runs, setRuns] = useState(0);
  useEffect(() => setDraft(text), [text]);
  const answer = useQuery({
    queryKey: ['sql', path, scope, text, runs],
    queryFn: async ({ signal }): Promise<Answer> => {
      const began = performance.now();
      const body = { query: text, limit: ROWS_MAX, ...scope } as SqlRequest;
      const said = await post<SqlView>(`${path}/sql`, body, signal);
      return { ...said, took: Math.round(performance.now() - began) };
    },
    staleTime: Infinity,
    gcTime: 60_000,
    refetchOnMount: false,
  });
  function run(wanted: string) {
    if (!wanted.trim()) return;
    setDraft(wanted);
    change(wanted);
    setRuns((n) => n + 1);
  }
  return (
    <section className="card stack tight sql" aria-label="SQL">
      <div className="row">
        <h2 className="grow">SQL over {scopeSays}</h2>
        <CloseButton size="sm" aria-label="Close SQL" onClick={() => change(undefined)} />
      </div>
      <p className="dim">
        The table is <code>results</code>; beside the rows' columns it has{' '}
        {origin.map((name, i) => (
          <span key={name}>
            {i > 0 && ', '}
            <code>{name}</code>
          </span>
        ))}
        .
      </p>
      <SqlField value={draft} change={setDraft} names={[...columns, ...origin]} run={() => run(draft)} />
      <div className="row wrap">
        <Button leftSection={<IconPlayerPlay size={14} />} loading={answer.isFetching} onClick={() => run(draft)}>
          Run
        </Button>
        <kbd>Ctrl Enter</kbd>
        <Menu position="bottom-start" withinPortal shadow="md">
          <Menu.Target>
            <Button variant="default" rightSection={<IconChevronDown size={13} />}>
              Begin with
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {sqlExamples(columns).map((one) => (
              <Menu.Item key={one.label} onClick={() => run(one.text)}>
                {one.label}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        <span className="grow dim" role="status">
          {answer.data &&
            !answer.isFetching &&
            `${plural(answer.data.rows.length, 'row')} in ${millis(answer.data.took)}`}
        </span>
        {answer.data && answer.data.rows.length > 0 && <SaveAnswer answer={answer.data} name={fileName} />}
      </div>
      {answer.isPending && <Bones lines={3} />}
      {answer.isError && <ErrorNote what="The query was not answered" error={answer.error} />}
      {answer.data && !answer.isError && (
        <>
          {answer.data.truncated && (
            <Note tone="info" title={`There are more than these ${count(ROWS_MAX)} rows`}>
              <p>Group, filter or sort in the query to see what matters; the download above has the same rows.</p>
            </Note>
          )}
          {answer.data.rows.length === 0 ? (
            <p className="dim">The answer has no row.</p>
          ) : (
            <Answered answer={answer.data} />
          )}
        </>
      )}
    </section>
  );
}

function Answered({ answer }: { answer: Answer }) {
  const numbers = new Set(
    answer.columns.filter((name) => answer.rows.every((row) => row[name] === null || typeof row[name] === 'number')),
  );
  return (
    <div className="scroll-list sql-answer" tabIndex={0} role="region" aria-label="Answer">
      <table className="glance natural">
        <thead>
          <tr>
            {answer.columns.map((name) => (
              <th key={name} scope="col" className={numbers.has(name) ? 'right' : ''}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {answer.rows.map((row, i) => (
            <tr key={i}>
              {answer.columns.map((name) => (
                <td key={name} className={numbers.has(name) ? 'right num' : ''}>
                  <Value value={row[name]} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Value({ value }: { value: unknown }) {
  const text = cellText(value);
  if (value === null || value === undefined) return <span className="dim">–</span>;
  if (typeof value === 'string' && idKind(value)) return <AnyId text={value} />;
  return (
    <span className={looksTechnical(text) ? 'mono' : ''} title={text.length > 80 ? text : undefined}>
      {middle(text, 160)}
    </span>
  );
}

function SaveAnswer({ answer, name }: { answer: Answer; name: string }) {
  const what = plural(answer.rows.length, 'row');
  const csv = () =>
    [answer.columns, ...answer.rows.map((row) => answer.columns.map((column) => row[column]))].map(csvLine).join('');
  const lines = () => answer.rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  return (
    <Menu position="bottom-end" withinPortal shadow="md">
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={14} />} rightSection={<IconChevronDown size={13} />}>
          Save the answer
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => saveFile(`${name}-sql.csv`, 'text/csv', csv())}>{what} as CSV</Menu.Item>
        <Menu.Item onClick={() => saveFile(`${name}-sql.jsonl`, 'application/x-ndjson', lines())}>
          {what} as JSON lines
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

// What can be taken away, each with what it contains.

import { Button, Menu } from '@mantine/core';
import { IconChevronDown, IconDownload } from '@tabler/icons-react';
import { useState } from 'react';
import { API, queryText, type Query } from '../../api/request';
import type { RowPage } from '../../api/schema';
import { allRows, DOWNLOAD_MAX, saveFile, toCsv, toJsonl } from '../../lib/download';
import { count, plural } from '../../lib/text';
import { sayError } from '../toast';

interface Props {
  /** Of the rows. */
  path: string;
  /** Which of them, without search and filters. */
  scope: Query;
  scopeSays: string;
  /** Rows of the scope; nothing while that is not known. */
  scopeRows?: number;
  /** Rows that pass search and filters. */
  total: number;
  narrowed: boolean;
  columns: string[];
  zip: string;
  zipSays: string;
  fileName: string;
  fetchPage: (offset: number, limit: number) => Promise<RowPage>;
}

const FORMS = [
  { format: 'csv', label: 'CSV', says: 'for spreadsheets; formulas are made harmless' },
  { format: 'ndjson', label: 'JSON lines', says: 'one object a line, nested values whole' },
  { format: 'parquet', label: 'Parquet', says: 'typed columns, the smallest file' },
] as const;

export function DownloadMenu(props: Props) {
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
  const which = props.narrowed ? 'These' : some < props.total ? 'The first' : 'All';
  const rows = some === 1 ? 'row' : 'rows';
  return (
    <Menu position="bottom-start" withinPortal shadow="md" width={380}>
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
        <Menu.Label>
          What is shown: same filters, same order
          {props.total > DOWNLOAD_MAX && `; at most ${count(DOWNLOAD_MAX)} rows`}
        </Menu.Label>
        <Menu.Item disabled={some === 0} onClick={() => void save('csv')}>
          {which} {count(some)} {rows} as CSV
        </Menu.Item>
        <Menu.Item disabled={some === 0} onClick={() => void save('jsonl')}>
          {which} {count(some)} {rows} as JSON lines
        </Menu.Item>
        <Menu.Divider />
        <Menu.Label>
          The whole table: {props.scopeSays}
          {props.scopeRows !== undefined && `, ${plural(props.scopeRows, 'row')}`}, without filters
        </Menu.Label>
        {FORMS.map(({ format, label, says }) => (
          <Menu.Item
            key={format}
            component="a"
            href={`${API}${props.path}/export${queryText({ ...props.scope, format })}`}
            download
          >
            The whole table: {label} <span className="dim">{says}</span>
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item component="a" href={props.zip} download>
          Everything as a zip <span className="dim">{props.zipSays}</span>
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

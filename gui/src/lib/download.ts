// Exactly the rows that are shown (same filters, same order), as a file.

import type { RowPage, RowView } from '../api/schema';

export const DOWNLOAD_MAX = 200_000;
const STEP = 1000;

/** A spreadsheet must not run what a client wrote. */
export const harmless = (text: string) =>
  /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;

function csvCell(value: unknown): string {
  const text =
    value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
  const safe = harmless(text);
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** One line of CSV. */
export const csvLine = (values: unknown[]) => values.map(csvCell).join(',') + '\r\n';

const FIXED = ['_client', '_hostname', '_flow', '_source', '_stored'] as const;
const fixed = (row: RowView) => ({
  _client: row.client,
  _hostname: row.hostname,
  _flow: row.flow,
  _source: row.source,
  _stored: row.stored,
});

export function toCsv(rows: RowView[], columns: string[]): string {
  const head = [...FIXED, ...columns].map(csvCell).join(',');
  const lines = rows.map((row) => {
    const own = fixed(row);
    return [...FIXED.map((name) => csvCell(own[name])), ...columns.map((name) => csvCell(row.row[name]))].join(',');
  });
  return [head, ...lines].join('\r\n') + '\r\n';
}

export const toJsonl = (rows: RowView[]) =>
  rows.map((row) => JSON.stringify({ ...fixed(row), ...row.row }) + '\n').join('');

/** Reads page after page; `progress` hears how many have come. */
export async function allRows(
  fetchPage: (offset: number, limit: number) => Promise<RowPage>,
  progress: (done: number) => void,
): Promise<RowView[]> {
  const rows: RowView[] = [];
  for (;;) {
    const page = await fetchPage(rows.length, STEP);
    rows.push(...page.items);
    progress(rows.length);
    if (page.items.length === 0 || rows.length >= page.total || rows.length >= DOWNLOAD_MAX) return rows;
  }
}

export function saveFile(name: string, type: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// Clients by name: a pasted list, or a file such as a spreadsheet saved as CSV. The server says who is meant, and what of
// it nobody knows, before anything is taken.

import { Button, CloseButton, FileButton, TagsInput, Textarea, TextInput } from '@mantine/core';
import { IconClipboardText, IconFileUpload } from '@tabler/icons-react';
import { useState } from 'react';
import * as ask from '../api/queries';
import type { ClientListReply } from '../api/schema';
import { plural } from '../lib/text';
import { ClientLink } from './links';
import { ErrorNote, Note } from './parts';

/** So many are shown and edited one by one. */
const SINGLE_MAX = 40;
/** Bytes that are sent at once; the server takes a mebibyte. */
const TEXT_MAX = 900_000;

export function ClientList({
  label,
  value,
  change,
}: {
  label: string;
  value: string[];
  change: (clients: string[]) => void;
}) {
  const [pasting, setPasting] = useState(false);
  return (
    <div className="stack tight">
      {value.length <= SINGLE_MAX ? (
        <TagsInput
          label={label}
          description="Ids"
          data={[]}
          splitChars={[',', ' ', '\n', ';']}
          value={value}
          onChange={change}
        />
      ) : (
        <div>
          <p className="field-label">{label}</p>
          <div className="row wrap">
            <strong>{plural(value.length, 'client')}</strong>
            <span className="dim">
              {value.slice(0, 3).map((id) => (
                <span key={id}>
                  <ClientLink id={id} />{' '}
                </span>
              ))}
              and {plural(value.length - 3, 'other')}
            </span>
            <Button size="compact-xs" variant="default" onClick={() => change([])}>
              Take all out
            </Button>
          </div>
        </div>
      )}
      {pasting ? (
        <Paste
          add={(clients) => {
            change([...new Set([...value, ...clients])]);
            setPasting(false);
          }}
          close={() => setPasting(false)}
        />
      ) : (
        <div>
          <Button
            variant="default"
            size="compact-sm"
            leftSection={<IconClipboardText size={14} />}
            onClick={() => setPasting(true)}
          >
            Paste names or open a list…
          </Button>
        </div>
      )}
    </div>
  );
}

export function Paste({
  add,
  close,
  action,
}: {
  add: (clients: string[]) => void;
  close?: () => void;
  action?: string;
}) {
  const [text, setText] = useState('');
  const [column, setColumn] = useState('');
  const [found, setFound] = useState<ClientListReply | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const tooLong = text.length > TEXT_MAX;
  const isTable = /^[^\n]*[,;\t][^\n]*\n/.test(text);
  const edit = (next: string) => {
    setText(next);
    setFound(null);
  };
  async function look() {
    setBusy(true);
    setError(null);
    try {
      setFound(await ask.resolveClients({ text, ...(column.trim() && { column: column.trim() }) }));
    } catch (cause) {
      setError(cause);
    } finally {
      setBusy(false);
    }
  }
  return (
    <div className="stack tight paste">
      <div className="row" style={{ alignItems: 'flex-start' }}>
        <Textarea
          className="grow"
          label="Names"
          description="Ids or host names, one a line or with commas; or a table with a heading (CSV)"
          placeholder={'web-01\nweb-02.example.org\nC.0123…'}
          autosize
          minRows={3}
          maxRows={10}
          value={text}
          onChange={(e) => edit(e.currentTarget.value)}
          error={tooLong && 'That is more than fits in one request: split the list'}
        />
        {close && <CloseButton aria-label="Close the list" onClick={close} />}
      </div>
      <div className="row wrap" style={{ alignItems: 'flex-end' }}>
        <FileButton accept=".csv,.tsv,.txt,text/csv,text/plain" onChange={(file) => void file?.text().then(edit)}>
          {(props) => (
            <Button {...props} variant="default" leftSection={<IconFileUpload size={14} />}>
              Open a file
            </Button>
          )}
        </FileButton>
        {isTable && (
          <TextInput
            label="Column"
            placeholder="found by its heading"
            value={column}
            onChange={(e) => {
              setColumn(e.currentTarget.value);
              setFound(null);
            }}
          />
        )}
        <Button
          variant={found ? 'default' : 'filled'}
          disabled={!text.trim() || tooLong}
          loading={busy}
          onClick={() => void look()}
        >
          Find them
        </Button>
      </div>
      {error !== null && <ErrorNote what="Could not read the list" error={error} />}
      <div aria-live="polite" className="stack tight">
        {found && found.problems.length > 0 && (
          <Note tone="warn" title={`${plural(found.problems.length, 'name')} left out`}>
            {found.problems.slice(0, 8).map((p, i) => (
              <p key={i}>
                {p.line ? <span className="dim">line {p.line}: </span> : null}
                {p.message} {p.hint && <span className="dim">{p.hint}</span>}
              </p>
            ))}
            {found.problems.length > 8 && <p className="dim">and {found.problems.length - 8} more</p>}
          </Note>
        )}
        {found && (
          <div className="row wrap">
            <span className="grow">
              {found.clients.length === 0 ? (
                'Nobody is known by these names.'
              ) : (
                <>
                  <strong>{plural(found.clients.length, 'client')}</strong>{' '}
                  <span className="dim">
                    {found.clients
                      .slice(0, 4)
                      .map((c) => c.name)
                      .join(', ')}
                    {found.clients.length > 4 && ', …'}
                  </span>
                </>
              )}
            </span>
            {found.clients.length > 0 && (
              <Button onClick={() => add(found.clients.map((c) => c.client))}>
                {action ?? 'Take'} {found.clients.length === 1 ? 'it' : `these ${found.clients.length}`}
              </Button>
            )}
          </div>
        )}
      </div>
    </div>
  );
}

// A nested value as a tree that opens where one asks.

import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { useState } from 'react';
import { AnyId } from './links';
import { idKind } from '../lib/text';

const MANY = 60;

function Leaf({ value }: { value: unknown }) {
  if (typeof value === 'string') {
    return idKind(value) ? <AnyId text={value} /> : <span className="str">{value === '' ? '""' : value}</span>;
  }
  return <span className="lit">{value === null || value === undefined ? 'null' : String(value)}</span>;
}

export function JsonTree({ value, name, depth = 0 }: { value: unknown; name?: string; depth?: number }) {
  const nested = typeof value === 'object' && value !== null;
  const entries = nested ? Object.entries(value) : [];
  const [open, setOpen] = useState(depth < 2);
  const [shown, setShown] = useState(MANY);
  const label = name !== undefined && <span className="key">{name}: </span>;
  if (!nested || entries.length === 0) {
    return (
      <div>
        {label}
        {nested ? <span className="lit">{Array.isArray(value) ? '[]' : '{}'}</span> : <Leaf value={value} />}
      </div>
    );
  }
  return (
    <div>
      <button
        type="button"
        onClick={() => setOpen(!open)}
        aria-expanded={open}
        aria-label={`${open ? 'Close' : 'Open'} ${name ?? 'value'}`}
      >
        {open ? <IconChevronDown size={12} /> : <IconChevronRight size={12} />}
      </button>
      {label}
      <span className="dim">{Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`}</span>
      {open && (
        <div className="kids">
          {entries.slice(0, shown).map(([key, inner]) => (
            <JsonTree key={key} name={key} value={inner} depth={depth + 1} />
          ))}
          {entries.length > shown && (
            <button type="button" onClick={() => setShown(shown + MANY * 5)}>
              {entries.length - shown} more
            </button>
          )}
        </div>
      )}
    </div>
  );
}

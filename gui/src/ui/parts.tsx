// Small parts that every page is made of: moments, copy buttons, messages, empty states, the fold with commands.

import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconCircleX, IconCopy, IconInfoCircle, IconRefresh } from '@tabler/icons-react';
import { useEffect, useState, type ComponentType, type ReactNode } from 'react';
import { ApiError } from '../api/request';
import { ago, local, utc } from '../lib/text';

// One clock for all relative times.
const ticks = new Set<() => void>();
setInterval(() => ticks.forEach((tick) => tick()), 10_000);

/** A moment: UTC, the local time and the distance on hover. `near` shows the distance instead. */
export function Moment({ at, near }: { at?: string | null; near?: boolean }) {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (!near) return;
    const tick = () => redraw((n) => n + 1);
    ticks.add(tick);
    return () => void ticks.delete(tick);
  }, [near]);
  if (!at) return <span className="dim">–</span>;
  return (
    <time dateTime={at} className="num nowrap" title={`${utc(at)}\n${local(at)}\n${ago(at)}`}>
      {near ? ago(at) : utc(at)}
    </time>
  );
}

export async function toClipboard(text: string) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain HTTP off loopback has no clipboard object.
  const box = document.createElement('textarea');
  box.value = text;
  document.body.append(box);
  box.select();
  document.execCommand('copy');
  box.remove();
}

export function Copy({
  text,
  label = 'Copy',
  size = 'sm',
}: {
  text: string | (() => string);
  label?: string;
  size?: 'xs' | 'sm';
}) {
  const [done, setDone] = useState(false);
  const act = async () => {
    await toClipboard(typeof text === 'function' ? text() : text).catch(() => {});
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <Tooltip label={done ? 'Copied' : label} withArrow>
      <ActionIcon
        variant="subtle"
        color="gray"
        size={size}
        aria-label={done ? 'Copied' : label}
        onClick={(event) => {
          event.stopPropagation();
          void act();
        }}
      >
        {done ? <IconCheck size={14} /> : <IconCopy size={14} />}
      </ActionIcon>
    </Tooltip>
  );
}

export function CliLine({ text }: { text: string }) {
  return (
    <div className="cli">
      <code tabIndex={0}>{text}</code>
      <Copy text={text} label="Copy the command" />
    </div>
  );
}

/** What the page shows, for automation: the command and the call. */
export function CliFold({ cli, api }: { cli?: string[]; api: string[] }) {
  return (
    <details className="fold">
      <summary>The same from the command line and the API</summary>
      {cli?.map((line) => (
        <CliLine key={line} text={line} />
      ))}
      {api.map((line) => (
        <CliLine key={line} text={`curl -H "Authorization: Bearer $LYCAON_TOKEN" ${line}`} />
      ))}
    </details>
  );
}
export const apiUrl = (path: string) => `'${window.location.origin}/api/v1${path}'`;

type Tone = 'bad' | 'warn' | 'good' | 'info';
const NOTE_ICONS = { bad: IconCircleX, warn: IconAlertTriangle, good: IconCheck, info: IconInfoCircle };
export function Note({ tone, title, children }: { tone: Tone; title?: ReactNode; children?: ReactNode }) {
  const Icon = NOTE_ICONS[tone];
  return (
    <div className={`note ${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
      <Icon aria-hidden />
      <div className="grow">
        {title && <strong>{title}</strong>}
        {children}
      </div>
    </div>
  );
}

export const sentence = (text: string) => (text ? text[0]!.toUpperCase() + text.slice(1) : text);

/** What went wrong, how to mend it, what to tell the person who runs the server, and another try. */
export function ErrorNote({ error, what, retry }: { error: unknown; what: string; retry?: () => void }) {
  const api = error instanceof ApiError ? error : null;
  const message = error instanceof Error ? error.message : String(error);
  return (
    <Note tone="bad" title={what}>
      <p>{sentence(message)}</p>
      {api?.hint && <p>{sentence(api.hint)}</p>}
      {api?.problems.map((p, i) => (
        <p key={i}>
          {p.field && <code>{p.field}</code>} {p.line ? `line ${p.line}: ` : ''}
          {p.message} {p.hint && <span className="dim">{p.hint}</span>}
        </p>
      ))}
      <div className="row wrap">
        {api?.requestId && (
          <span className="row dim">
            Request <code>{api.requestId}</code>
            <Copy text={api.requestId} label="Copy the request id" size="xs" />
          </span>
        )}
        {retry && (
          <Button size="compact-xs" variant="default" leftSection={<IconRefresh size={13} />} onClick={retry}>
            Try again
          </Button>
        )}
      </div>
    </Note>
  );
}

export function Empty({
  icon: Icon,
  title,
  children,
  cli,
}: {
  icon: ComponentType<{ 'aria-hidden'?: boolean }>;
  title: string;
  children?: ReactNode;
  cli?: string;
}) {
  return (
    <div className="empty">
      <Icon aria-hidden />
      <h2>{title}</h2>
      {children}
      {cli && <CliLine text={cli} />}
    </div>
  );
}

export function Bones({ lines = 4 }: { lines?: number }) {
  return (
    <div className="stack" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => (
        <div key={i} className="bone" style={{ width: `${88 - ((i * 23) % 50)}%` }} />
      ))}
    </div>
  );
}

export const Label = ({ text }: { text: string }) => <span className="label">{text}</span>;
export const Labels = ({ items, wrap }: { items: string[]; wrap?: boolean }) => (
  <span className={`labels ${wrap ? 'wrap' : ''}`}>
    {items.map((text) => (
      <Label key={text} text={text} />
    ))}
  </span>
);

export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Lycaon`;
  }, [title]);
}

/** The value after it has stood still for a moment. */
export function useSettled<T>(value: T, ms = 250): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

/** A value kept in this browser, for this person. */
export function useKept<T>(key: string, first: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => {
    try {
      const kept = localStorage.getItem(`lycaon.${key}`);
      return kept === null ? first : (JSON.parse(kept) as T);
    } catch {
      return first;
    }
  });
  const keep = (next: T) => {
    setValue(next);
    try {
      localStorage.setItem(`lycaon.${key}`, JSON.stringify(next));
    } catch {
      // A full or forbidden storage only costs the memory of it.
    }
  };
  return [value, keep];
}

// Short messages that come and go at the corner; errors stay until they are closed.

import { CloseButton } from '@mantine/core';
import { useSyncExternalStore, type ReactNode } from 'react';
import { ErrorNote, Note } from './parts';

interface Toast {
  id: number;
  body: ReactNode;
}
let toasts: Toast[] = [];
let last = 0;
const watchers = new Set<() => void>();
const tell = () => watchers.forEach((watcher) => watcher());
const drop = (id: number) => {
  toasts = toasts.filter((toast) => toast.id !== id);
  tell();
};

function add(body: ReactNode, ms?: number) {
  const id = ++last;
  toasts = [...toasts.slice(-3), { id, body }];
  tell();
  if (ms) setTimeout(() => drop(id), ms);
}

export const say = (text: string, tone: 'good' | 'info' | 'warn' = 'good') =>
  add(<Note tone={tone}>{text}</Note>, 4000);
export const sayError = (what: string, error: unknown) => add(<ErrorNote what={what} error={error} />);

export function Toasts() {
  const shown = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <div key={toast.id} className="row top">
          <div className="grow">{toast.body}</div>
          <CloseButton size="sm" aria-label="Close the message" onClick={() => drop(toast.id)} />
        </div>
      ))}
    </div>
  );
}

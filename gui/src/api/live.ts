// One event stream for the whole page. What it says is written into the caches of the screens that show it;
// lists whose membership may have changed are asked again, at most every two seconds. After a gap everything
// on screen is asked again, because events of the gap are lost.

import { useSyncExternalStore } from 'react';
import { queryClient } from './queries';
import { API } from './request';
import type { ClientPage, ClientView, FlowPage, FlowView, HuntPage, HuntView, LiveEvent } from './schema';

export interface LiveStatus {
  state: 'off' | 'connecting' | 'live' | 'lost';
  /** When the last word from the server came. */
  heard: number;
}

let status: LiveStatus = { state: 'off', heard: Date.now() };
const watchers = new Set<() => void>();
function setState(state: LiveStatus['state']) {
  if (state === status.state) return;
  status = { state, heard: status.heard };
  for (const tell of watchers) tell();
}
function subscribe(tell: () => void) {
  watchers.add(tell);
  return () => watchers.delete(tell);
}
export const useLiveStatus = () => useSyncExternalStore(subscribe, () => status);

// Kinds of lists to ask again, gathered and asked together.
const due = new Set<string>();
let timer: ReturnType<typeof setTimeout> | undefined;
function askAgain(...keys: string[]) {
  for (const key of keys) due.add(key);
  timer ??= setTimeout(() => {
    timer = undefined;
    const now = [...due];
    due.clear();
    for (const key of now) void queryClient.invalidateQueries({ queryKey: key.split('\n') }, { cancelRefetch: false });
  }, 2000);
}

type Page<T> = { items: T[]; total: number };
/** Changes one record in every cached page of a kind; true if it was in any. */
function patchPages<T extends { id: string }>(kind: string, id: string, change: (item: T) => T): boolean {
  let found = false;
  queryClient.setQueriesData<Page<T>>({ queryKey: [kind] }, (page) => {
    if (!page?.items?.some((item) => item.id === id)) return page;
    found = true;
    return { ...page, items: page.items.map((item) => (item.id === id ? change(item) : item)) };
  });
  return found;
}

function onHunt(event: Extract<LiveEvent, { kind: 'hunt' }>) {
  const change = (hunt: HuntView): HuntView => ({
    ...hunt,
    counts: event.counts,
    rows: event.rows,
    state: event.state,
  });
  const shown = queryClient.getQueryData<HuntView>(['hunt', event.id]);
  if (shown) {
    queryClient.setQueryData(['hunt', event.id], change(shown));
    // A new state brings new verbs, a new revision a new specification: only the whole record has them.
    if (shown.state !== event.state || shown.revision !== event.revision) {
      void queryClient.invalidateQueries({ queryKey: ['hunt', event.id] });
    }
    if (shown.rows !== event.rows) askAgain(`hunt-sources\n${event.id}`, `hunt-rows\n${event.id}`);
    askAgain(`members\n${event.id}`);
    // Where its first clients stand, what it has spent and its rounds are in the whole record only.
    if (shown.stage || shown.spec?.limits?.total || shown.spec?.schedule)
      askAgain(`hunt\n${event.id}`, `hunt-rounds\n${event.id}`);
  }
  const before = queryClient.getQueriesData<HuntPage>({ queryKey: ['hunts'] });
  const moved = before.some(([, page]) => page?.items?.some((h) => h.id === event.id && h.state !== event.state));
  if (!patchPages<HuntView>('hunts', event.id, change) || moved) askAgain('hunts', 'overview');
}

function onFlow(event: Extract<LiveEvent, { kind: 'flow' }>) {
  const change = (flow: FlowView): FlowView => ({ ...flow, state: event.state, rows: event.rows });
  const shown = queryClient.getQueryData<FlowView>(['flow', event.id]);
  if (shown) {
    queryClient.setQueryData(['flow', event.id], change(shown));
    askAgain(
      `flow\n${event.id}`,
      `flow-sources\n${event.id}`,
      `flow-rows\n${event.id}`,
      `flow-log\n${event.id}`,
      `flow-uploads\n${event.id}`,
    );
  }
  const known = queryClient.getQueriesData<FlowPage>({ queryKey: ['flows'] });
  if (!patchPages<FlowView>('flows', event.id, change) && known.length > 0) askAgain('flows');
  askAgain(`client-flows\n${event.client}`);
}

function onClient(event: Extract<LiveEvent, { kind: 'client' }>) {
  const shown = queryClient.getQueryData<ClientView>(['client', event.id]);
  if (shown) {
    queryClient.setQueryData(['client', event.id], { ...shown, online: event.online });
    askAgain(`client\n${event.id}`);
  }
  const known = queryClient.getQueriesData<ClientPage>({ queryKey: ['clients'] });
  patchPages<ClientView>('clients', event.id, (item) => ({ ...item, online: event.online }));
  askAgain('overview');
  if (known.length > 0) askAgain('clients');
}

/** Writes one event into the caches. */
export function applyEvent(event: LiveEvent) {
  if (event.kind === 'hunt') onHunt(event);
  else if (event.kind === 'flow') onFlow(event);
  else if (event.kind === 'client') onClient(event);
  else if (event.kind === 'log') askAgain('log');
  else if (event.kind === 'missed') void queryClient.invalidateQueries();
}

let source: EventSource | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;
let attempt = 0;
let everLive = false;

function open() {
  retry = undefined;
  source = new EventSource(`${API}/events`);
  source.onopen = () => {
    attempt = 0;
    status = { ...status, heard: Date.now() };
    setState('live');
    if (everLive) void queryClient.invalidateQueries();
    everLive = true;
  };
  const hear = (message: MessageEvent<string>) => {
    status.heard = Date.now();
    try {
      const said = JSON.parse(message.data) as LiveEvent | LiveEvent[];
      for (const event of Array.isArray(said) ? said : [said]) applyEvent(event);
    } catch {
      // A newer server may say things that this page does not know.
    }
  };
  source.addEventListener('change', hear);
  source.onerror = () => {
    // Own retry: the browser's gives up for good when a proxy answers with an error page.
    source?.close();
    setState('lost');
    attempt += 1;
    const wait = Math.min(15_000, 500 * 2 ** Math.min(attempt, 5)) * (0.7 + Math.random() * 0.6);
    retry = setTimeout(() => {
      // Finds an ended session too: it answers 401 and the sign-in form comes up.
      void queryClient.refetchQueries({ queryKey: ['whoami'] });
      open();
    }, wait);
  };
}

/** Begins to listen; the answer stops it. */
export function listen(): () => void {
  if (!source) {
    setState('connecting');
    open();
  }
  return () => {
    clearTimeout(retry);
    source?.close();
    source = undefined;
    everLive = false;
    setState('off');
  };
}

/** Tries now instead of waiting. */
export function reconnectNow() {
  clearTimeout(retry);
  source?.close();
  open();
}

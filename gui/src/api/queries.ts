// What the screens ask, each under one cache key: `[kind, ...]`. Live events and actions write to the same keys.

import { QueryClient, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { ApiError, get, getLines, part, post, put, type Query } from './request';
import type * as S from './schema';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => error instanceof ApiError && error.passing && count < 2,
      retryDelay: (count) => 400 * 2 ** count,
    },
  },
});

const list = <T>(kind: string, path: string, query: Query = {}) =>
  queryOptions({
    queryKey: [kind, query] as const,
    queryFn: ({ signal }) => get<T>(path, query, signal),
    placeholderData: keepPreviousData,
  });
const one = <T>(kind: string, id: string, path: string) =>
  queryOptions({ queryKey: [kind, id] as const, queryFn: ({ signal }) => get<T>(path, {}, signal) });

export const whoami = () =>
  queryOptions({
    queryKey: ['whoami'] as const,
    queryFn: ({ signal }) => get<S.WhoAmI>('/whoami', {}, signal),
    staleTime: Infinity,
  });
/** Answers also while the records are out of reach. */
export const health = () =>
  queryOptions({ queryKey: ['health'] as const, queryFn: ({ signal }) => get<S.Health>('/health', {}, signal) });
export const nodes = () => list<S.NodeView[]>('nodes', '/nodes');
export const overview = () => list<S.Overview>('overview', '/overview');
export const hunts = (query: Query) => list<S.HuntPage>('hunts', '/hunts', query);
export const hunt = (id: string) => one<S.HuntView>('hunt', id, `/hunts/${part(id)}`);
export const huntSources = (id: string, rounds: Query = {}) =>
  queryOptions({
    queryKey: ['hunt-sources', id, rounds] as const,
    queryFn: ({ signal }) => get<S.SourceView[]>(`/hunts/${part(id)}/sources`, rounds, signal),
    placeholderData: keepPreviousData,
  });
export const huntRounds = (id: string) =>
  queryOptions({
    queryKey: ['hunt-rounds', id] as const,
    queryFn: ({ signal }) => get<S.RoundPage>(`/hunts/${part(id)}/rounds`, { limit: 200 }, signal),
  });
export const huntRevisions = (id: string) =>
  one<S.RevisionView[]>('hunt-revisions', id, `/hunts/${part(id)}/revisions`);
/** A line of the answer, which the document describes as a file. */
export interface DiffLine {
  /** `new`, `gone`, `changed`. */
  change: string;
  client: string;
  hostname: string;
  source: string;
  /** As it is after a change. */
  row: Record<string, unknown>;
  /** The columns that changed, as they were. */
  was?: Record<string, unknown> | null;
}
/** The first differences; `more` says that there are others. */
export const huntDiff = (id: string, query: Query, most: number) =>
  queryOptions({
    queryKey: ['hunt-diff', id, query, most] as const,
    queryFn: ({ signal }) => getLines<DiffLine>(`/hunts/${part(id)}/diff`, query, most, signal),
  });
export const recount = (id: string) => one<S.Recount>('recount', id, `/hunts/${part(id)}/recount`);
export const why = (id: string, client: string) =>
  queryOptions({
    queryKey: ['why', id, client] as const,
    queryFn: ({ signal }) => get<S.WhyView>(`/hunts/${part(id)}/why/${part(client)}`, {}, signal),
    staleTime: 0,
  });
export const clients = (query: Query) => list<S.ClientPage>('clients', '/clients', query);
export const client = (id: string) => one<S.ClientView>('client', id, `/clients/${part(id)}`);
export const flows = (query: Query) => list<S.FlowPage>('flows', '/flows', query);
export const flow = (id: string) => one<S.FlowView>('flow', id, `/flows/${part(id)}`);
export const flowSources = (id: string) => one<S.SourceView[]>('flow-sources', id, `/flows/${part(id)}/sources`);
export const artifacts = () => list<S.ArtifactSummary[]>('artifacts', '/artifacts');
export const artifact = (name: string) => one<S.ArtifactView>('artifact', name, `/artifacts/${part(name)}`);
export const tokens = () => list<S.TokenView[]>('tokens', '/tokens');

export const login = (body: S.LoginRequest) => post<S.LoginReply>('/login', body);
export const logout = () => post<void>('/logout');
export const createHunt = (body: S.HuntRequest) => post<S.HuntView>('/hunts', body);
export const previewHunt = (body: S.HuntRequest) => post<S.HuntPreview>('/hunts/preview', body);
export const editHunt = (id: string, body: S.HuntEdit) => put<S.HuntView>(`/hunts/${part(id)}`, body);
export const resolveClients = (body: S.ClientListRequest) => post<S.ClientListReply>('/clients/resolve', body);
export const addMembers = (id: string, body: S.RosterRequest) =>
  post<S.RosterReply>(`/hunts/${part(id)}/members/add`, body);
export const removeMembers = (id: string, body: S.RosterRequest) =>
  post<S.RosterReply>(`/hunts/${part(id)}/members/remove`, body);
export const changeTags = (id: string, body: S.TagChange) => post<S.HuntView>(`/hunts/${part(id)}/tags`, body);
export const copyHunt = (id: string, body: S.CopyRequest) => post<S.HuntView>(`/hunts/${part(id)}/copy`, body);
export const huntOfFlow = (id: string, body: S.CopyRequest) => post<S.HuntView>(`/flows/${part(id)}/hunt`, body);
export const deleteHunt = (id: string) => post<void>(`/hunts/${part(id)}/delete`);
export const retryFailed = (id: string, body: S.RetryRequest) => post<S.Retried>(`/hunts/${part(id)}/retry`, body);
export const huntVerb = (id: string, verb: string) => post<S.HuntView>(`/hunts/${part(id)}/${verb}`);
export const startFlow = (body: S.FlowRequest) => post<S.FlowView>('/flows', body);
export const cancelFlow = (id: string) => post<S.FlowView>(`/flows/${part(id)}/cancel`);
export const changeLabels = (id: string, body: S.LabelChange) =>
  post<S.ClientView>(`/clients/${part(id)}/labels`, body);
export const revokeClient = (id: string) => post<S.ClientView>(`/clients/${part(id)}/revoke`);
export const createToken = (body: S.TokenRequest) => post<S.TokenView>('/tokens', body);
export const revokeToken = (id: string) => post<S.TokenView>(`/tokens/${part(id)}/revoke`);
export const checkCall = (call: S.ArtifactCall) =>
  post<S.CheckReport>('/artifacts/check', { call } satisfies S.ArtifactCheck);
export const completeVql = (body: S.VqlCompletionQuery) => post<S.VqlCompletion>('/vql/complete', body);
export const checkVql = (body: S.VqlCheck) => post<S.CheckReport>('/vql/check', body);

/** Puts a hunt's newest record wherever it is shown. */
export function rememberHunt(view: S.HuntView) {
  queryClient.setQueryData(['hunt', view.id], view);
  queryClient.setQueriesData<S.HuntPage>({ queryKey: ['hunts'] }, (page) =>
    page && 'items' in page ? { ...page, items: page.items.map((item) => (item.id === view.id ? view : item)) } : page,
  );
}

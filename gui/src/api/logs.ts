// What the screens of log hunts ask. Every cache key begins with `log`, so that one live event renews what is shown.

import { queryOptions, keepPreviousData } from '@tanstack/react-query';
import { queryClient } from './queries';
import { get, part, post, type Query } from './request';
import type * as S from './schema';

/** Commits happen by themselves: what is on screen is asked again even if no event tells of them. */
export const LOG_EVERY = 10_000;

const ask = <T>(name: string, path: string, query: Query = {}) =>
  queryOptions({
    queryKey: ['log', name, path, query] as const,
    queryFn: ({ signal }) => get<T>(path, query, signal),
    placeholderData: keepPreviousData,
    refetchInterval: LOG_EVERY,
  });

export interface StreamPlace {
  tenant: string;
  dataset: string;
  rule: string;
}
export const streamPath = (at: StreamPlace) => `/log/streams/${part(at.tenant)}/${part(at.dataset)}/${part(at.rule)}`;

export const overview = () => ask<S.LogOverview>('overview', '/log/overview');
export const definitions = () => ask<S.LogDefinitionsView>('definitions', '/log/definitions');
export const engines = () => ask<S.LogEngineView[]>('engines', '/log/engines');
export const rules = (query: Query) => ask<S.LogRulePage>('rules', '/log/rules', query);
export const rule = (name: string) => ask<S.LogRuleView>('rule', `/log/rules/${part(name)}`);
export const revisions = (name: string) => ask<S.LogRevisionsView>('revisions', `/log/rules/${part(name)}/revisions`);
export const tenants = (query: Query) => ask<S.LogTenantPage>('tenants', '/log/tenants', query);
export const tenant = (name: string) => ask<S.LogTenantView>('tenant', `/log/tenants/${part(name)}`);
export const stream = (at: StreamPlace, query: Query) => ask<S.LogStreamView>('stream', streamPath(at), query);
export const timeline = (at: StreamPlace, query: Query) =>
  ask<S.LogTimeline>('timeline', `${streamPath(at)}/timeline`, query);
export const windowOf = (id: string) => ask<S.LogWindowExplanation>('window', `/log/windows/${part(id)}`);
export const finding = (id: string) => ask<S.LogFindingView>('finding', `/log/findings/${part(id)}`);
export const findings = (query: Query) => ask<S.LogFindingPage>('findings', '/log/findings', query);
export const facets = (query: Query) => ask<S.LogFacets>('facets', '/log/findings/facets', query);

/** Does something, then asks again whatever is shown of log hunts. */
async function act<T>(path: string, body: object): Promise<T> {
  const done = await post<T>(path, body);
  if (!('preview' in body && body.preview)) await queryClient.invalidateQueries({ queryKey: ['log'] });
  return done;
}
export const pause = (name: string, body: S.LogPauseRequest) =>
  act<S.LogActReport>(`/log/tenants/${part(name)}/pause`, body);
export const resume = (name: string, body: S.LogActRequest) =>
  act<S.LogActReport>(`/log/tenants/${part(name)}/resume`, body);
export const windowVerb = (id: string, verb: string, body: S.LogActRequest) =>
  act<S.LogActReport>(`/log/windows/${part(id)}/${verb}`, body);
export const goOn = (at: StreamPlace, query: string, body: S.LogActRequest) =>
  act<S.LogActReport>(`${streamPath(at)}/continue${query}`, body);
export const waiveRange = (at: StreamPlace, query: string, body: S.LogWaiveRequest) =>
  act<S.LogActReport>(`${streamPath(at)}/waive${query}`, body);
export const backfill = (body: S.LogBackfillRequest) => act<S.LogBackfillReport>('/log/backfills', body);
export const cancelBackfill = (job: string, body: S.LogActRequest) =>
  act<S.LogActReport>(`/log/backfills/${part(job)}/cancel`, body);
export const triage = (body: S.LogTriage) => act<S.LogFindingView[]>('/log/triage', body);
export const testRule = (name: string) => post<S.LogTestReport>(`/log/rules/${part(name)}/test`);

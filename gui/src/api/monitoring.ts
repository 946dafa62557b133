// What the screens of monitoring ask.

import { queryOptions } from '@tanstack/react-query';
import { queryClient } from './queries';
import { get, part, post } from './request';
import type * as S from './schema';

export const monitoring = () =>
  queryOptions({
    queryKey: ['monitoring'] as const,
    queryFn: ({ signal }) => get<S.MonitoringView>('/monitoring', {}, signal),
  });
export const ofClient = (client: string) =>
  queryOptions({
    queryKey: ['client-monitoring', client] as const,
    queryFn: ({ signal }) => get<S.ClientMonitoring>(`/clients/${part(client)}/monitoring`, {}, signal),
  });

/** The first rows that arrived in a stretch of days, of all clients. */
export const scan = (query: { source: string; from: string; to: string }) =>
  queryOptions({
    queryKey: ['monitoring-scan', query] as const,
    queryFn: ({ signal }) => get<S.EventScanPage>('/monitoring/scan', query, signal),
    enabled: query.source !== '',
  });

const remember = (view: S.MonitoringView) => {
  queryClient.setQueryData(['monitoring'], view);
  void queryClient.invalidateQueries({ queryKey: ['client-monitoring'] });
  return view;
};
export const add = async (entry: S.MonitoringEntry) => remember(await post<S.MonitoringView>('/monitoring/add', entry));
export const remove = async (entry: S.MonitoringRemove) =>
  remember(await post<S.MonitoringView>('/monitoring/remove', entry));

export const checkpoints = (hunt: string, client: string) =>
  queryOptions({
    queryKey: ['checkpoints', hunt, client] as const,
    queryFn: ({ signal }) => get<S.CheckpointView[]>(`/hunts/${part(hunt)}/checkpoints/${part(client)}`, {}, signal),
  });

// What have all clients answered?

import { IconTable } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import * as ask from '../../api/queries';
import type { HuntView } from '../../api/schema';
import { Bones, CliFold, Empty, ErrorNote, apiUrl } from '../../ui/parts';
import { RowsTable } from '../../ui/RowsTable';
import type { HuntSearch } from '../Hunt';

export function HuntResults({
  hunt,
  search,
  change,
}: {
  hunt: HuntView;
  search: HuntSearch;
  change: (part: Partial<HuntSearch>) => void;
}) {
  const sources = useQuery(ask.huntSources(hunt.id));
  if (sources.isPending) return <Bones />;
  if (!sources.data)
    return <ErrorNote what="Could not load the results" error={sources.error} retry={() => void sources.refetch()} />;
  const left = hunt.counts.pending + hunt.counts.running;
  return (
    <>
      <RowsTable
        cacheKey={['hunt-rows', hunt.id]}
        path={`/hunts/${hunt.id}/results`}
        sources={sources.data}
        state={search}
        change={change}
        across
        zip={`/api/v1/hunts/${hunt.id}/export.zip`}
        fileName={`${hunt.spec.name.replace(/[^\w.-]+/g, '-').slice(0, 60)}-rows`}
        empty={
          <Empty icon={IconTable} title="No rows yet" cli={`lycaon hunt watch ${hunt.id}`}>
            <p>
              {hunt.state === 'draft'
                ? 'The hunt has not begun.'
                : left > 0
                  ? 'Rows appear here by themselves as clients finish.'
                  : 'Every client that took part finished without a row.'}
            </p>
          </Empty>
        }
      />
      <CliFold
        cli={[`lycaon hunt results ${hunt.id} --format jsonl`, `lycaon hunt export ${hunt.id} -o hunt.zip`]}
        api={[apiUrl(`/hunts/${hunt.id}/results?limit=1000`), apiUrl(`/hunts/${hunt.id}/export.zip`)]}
      />
    </>
  );
}

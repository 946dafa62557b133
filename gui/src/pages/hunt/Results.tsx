// What have all clients answered, in this round or another?

import { IconTable } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import * as ask from '../../api/queries';
import { queryText } from '../../api/request';
import type { HuntView } from '../../api/schema';
import { roundSays, roundsQuery } from '../../lib/rounds';
import { Bones, CliFold, Empty, ErrorNote, apiUrl } from '../../ui/parts';
import { RowsTable } from '../../ui/RowsTable';
import type { HuntSearch } from '../Hunt';
import { RoundChoice } from './RoundChoice';

type Change = { search: HuntSearch; change: (part: Partial<HuntSearch>) => void };

export function HuntResults({ hunt, search, change }: { hunt: HuntView } & Change) {
  const rounds = roundsQuery(search.round);
  const sources = useQuery(ask.huntSources(hunt.id, rounds));
  if (sources.isPending) return <Bones />;
  if (!sources.data) {
    return (
      <>
        {hunt.round > 1 && <RoundChoice hunt={hunt} search={search} change={change} together />}
        <ErrorNote what="Could not load the results" error={sources.error} retry={() => void sources.refetch()} />
      </>
    );
  }
  const left = hunt.counts.pending + hunt.counts.running;
  const past = search.round !== undefined;
  const narrowed = queryText({ ...rounds, limit: 1000 });
  return (
    <>
      <RowsTable
        cacheKey={['hunt-rows', hunt.id]}
        path={`/hunts/${hunt.id}/results`}
        sources={sources.data}
        state={search}
        change={change}
        across
        rounds={rounds}
        roundsSay={hunt.round > 1 ? roundSays(search.round, hunt.round) : undefined}
        lead={hunt.round > 1 && <RoundChoice hunt={hunt} search={search} change={change} together />}
        zip={`/api/v1/hunts/${hunt.id}/export.zip${queryText({ round: rounds.round })}`}
        zipSays={`a folder for each client with rows, log and files; members and a manifest with hashes${
          hunt.round > 1 ? `; of round ${rounds.round ?? hunt.round}` : ''
        }`}
        fileName={`${hunt.spec.name.replace(/[^\w.-]+/g, '-').slice(0, 60)}-rows`}
        empty={
          <Empty
            icon={IconTable}
            title={past ? 'No rows in this round' : 'No rows yet'}
            cli={`lycaon hunt watch ${hunt.id}`}
          >
            <p>
              {hunt.state === 'draft'
                ? 'The hunt has not begun.'
                : past
                  ? 'Nobody who finished in it brought a row.'
                  : left > 0
                    ? 'Rows appear here by themselves as clients finish.'
                    : 'Every client that took part finished without a row.'}
            </p>
          </Empty>
        }
      />
      <CliFold
        cli={[
          `lycaon hunt results ${hunt.id} --format jsonl`,
          `lycaon results facets ${hunt.id} COLUMN --order rare`,
          `lycaon results sql ${hunt.id} 'SELECT _hostname, count(*) AS n FROM results GROUP BY 1'`,
          `lycaon results export ${hunt.id} -o rows.parquet`,
          `lycaon hunt export ${hunt.id} -o hunt.zip`,
        ]}
        api={[apiUrl(`/hunts/${hunt.id}/results${narrowed}`), apiUrl(`/hunts/${hunt.id}/export.zip`)]}
      />
    </>
  );
}

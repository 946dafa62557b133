// Which rounds has a recurring hunt made, and what changed between two of them, or to another hunt?

import { Button } from '@mantine/core';
import { IconRepeat } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import * as ask from '../../api/queries';
import type { HuntView, RoundView } from '../../api/schema';
import { scheduleSays, windowSays } from '../../lib/schedule';
import { count, plural } from '../../lib/text';
import { Bones, Empty, ErrorNote, Moment } from '../../ui/parts';
import { QueueBar } from '../../ui/QueueBar';
import type { HuntSearch } from '../Hunt';
import { Difference } from './Difference';

type Change = { search: HuntSearch; change: (part: Partial<HuntSearch>) => void };

/** So many rounds are listed; older ones are in the comparison's choice. */
const SHOWN = 30;

export function HuntRounds({ hunt, search, change }: { hunt: HuntView } & Change) {
  const rounds = useQuery(ask.huntRounds(hunt.id));
  const { schedule } = hunt.spec;
  if (rounds.isPending) return <Bones />;
  if (!rounds.data)
    return <ErrorNote what="Could not load the rounds" error={rounds.error} retry={() => void rounds.refetch()} />;
  const items = [...rounds.data.items].reverse();
  return (
    <>
      {(schedule || rounds.data.total > 1) && (
        <section className="card stack tight" aria-label="Rounds">
          <div className="row wrap">
            <h2 className="grow">{plural(rounds.data.total, 'round')}</h2>
            {schedule && <span>asks {scheduleSays(schedule)}</span>}
            {hunt.next_round && !hunt.ended && (
              <span>
                next <Moment at={hunt.next_round} near />, at <Moment at={hunt.next_round} />
              </span>
            )}
          </div>
          {schedule && <p className="dim">{windowSays(schedule)}</p>}
          {items.length === 0 ? (
            <Empty icon={IconRepeat} title="No round yet">
              <p>The first begins when the hunt is started.</p>
            </Empty>
          ) : (
            <div className="scroll-x" tabIndex={0} role="region" aria-label="List of rounds">
              <table className="glance natural">
                <thead>
                  <tr>
                    <th>Round</th>
                    <th>Began</th>
                    <th>Queues</th>
                    <th className="right">With results</th>
                    <th className="right">Failed</th>
                    <th>
                      <span className="sr">What can be done</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {items.slice(0, SHOWN).map((round) => (
                    <Round key={round.round} hunt={hunt} round={round} change={change} />
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </section>
      )}
      <Difference hunt={hunt} rounds={items} search={search} change={change} />
    </>
  );
}

function Round({ hunt, round, change }: { hunt: HuntView; round: RoundView; change: Change['change'] }) {
  const newest = round.round === hunt.round;
  return (
    <tr aria-current={newest ? 'true' : undefined}>
      <td>
        {round.round}
        {newest && <span className="badge">now</span>}
      </td>
      <td>
        <Moment at={round.tick} />
      </td>
      <td style={{ minWidth: 220 }}>
        <QueueBar hunt={hunt.id} counts={round.counts} size="mid" round={newest ? undefined : String(round.round)} />
      </td>
      <td className="right num">{count(round.counts.results)}</td>
      <td className="right num">{count(round.counts.failed)}</td>
      <td className="nowrap">
        <Link
          to="/hunts/$hunt"
          params={{ hunt: hunt.id }}
          search={{ tab: 'results', round: newest ? undefined : String(round.round) }}
        >
          Rows
        </Link>
        {round.round > 1 && (
          <Button
            variant="subtle"
            size="compact-xs"
            aria-label={`What changed in round ${round.round}`}
            onClick={() =>
              change({
                before: String(round.round - 1),
                after: String(round.round),
                with: undefined,
                change: undefined,
              })
            }
          >
            What changed
          </Button>
        )}
      </td>
    </tr>
  );
}

// Up to where have recurring hunts read this client?

import { IconRepeat } from '@tabler/icons-react';
import { useQueries, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { checkpoints } from '../../api/monitoring';
import { hunts } from '../../api/queries';
import type { CheckpointView, HuntView } from '../../api/schema';
import { scheduleSays } from '../../lib/schedule';
import { HuntLink } from '../../ui/links';
import { apiUrl, Bones, CliFold, Empty, ErrorNote, Moment } from '../../ui/parts';
import { HuntState } from '../../ui/State';

/** So many of the newest recurring hunts are asked. */
const HUNTS_MAX = 20;

export function Checkpoints({ client }: { client: string }) {
  const all = useQuery(hunts({ limit: 500 }));
  const recurring = (all.data?.items ?? [])
    .filter((hunt) => hunt.spec.schedule && hunt.state !== 'draft')
    .slice(0, HUNTS_MAX);
  const marks = useQueries({ queries: recurring.map((hunt) => checkpoints(hunt.id, client)) });
  if (all.isPending) return <Bones />;
  if (!all.data)
    return <ErrorNote what="Could not load the recurring hunts" error={all.error} retry={() => void all.refetch()} />;
  const failed = marks.find((mark) => mark.isError && !mark.data);
  const known = recurring
    .map((hunt, i) => ({ hunt, marks: marks[i]?.data ?? [] }))
    .filter((one) => one.marks.length > 0);
  return (
    <>
      {failed && (
        <ErrorNote what="Could not load a checkpoint" error={failed.error} retry={() => void failed.refetch()} />
      )}
      {known.length === 0 && !failed && !marks.some((mark) => mark.isPending) && (
        <Empty icon={IconRepeat} title="No recurring hunt has read it">
          <p>A hunt with a schedule remembers up to where it has read each client, and goes on there the next time.</p>
        </Empty>
      )}
      {known.map(({ hunt, marks }) => (
        <OfHunt key={hunt.id} hunt={hunt} marks={marks} />
      ))}
      <CliFold api={[apiUrl(`/hunts/HUNT/checkpoints/${client}`)]} />
    </>
  );
}

function OfHunt({ hunt, marks }: { hunt: HuntView; marks: CheckpointView[] }) {
  return (
    <section className="card stack tight" aria-label={hunt.spec.name}>
      <div className="row wrap">
        <h2>
          <HuntLink id={hunt.id} name={hunt.spec.name} />
        </h2>
        <HuntState state={hunt.state} />
        <span className="dim">
          {hunt.spec.schedule && `asks ${scheduleSays(hunt.spec.schedule)}`}
          {hunt.next_round && !hunt.ended && (
            <>
              , next <Moment at={hunt.next_round} near />
            </>
          )}
        </span>
      </div>
      <table className="glance natural">
        <thead>
          <tr>
            <th>Source</th>
            <th>Read up to, by the client's clock</th>
            <th>Brought there by</th>
            <th>Its clock</th>
          </tr>
        </thead>
        <tbody>
          {marks.map((mark) => (
            <tr key={mark.source}>
              <td>{mark.source}</td>
              <td>
                <Moment at={mark.upto} />{' '}
                <span className="dim">
                  (<Moment at={mark.upto} near />)
                </span>
              </td>
              <td>
                <Link to="/hunts/$hunt" params={{ hunt: hunt.id }} search={{ tab: 'rounds' }}>
                  round {mark.round}
                </Link>
              </td>
              <td className={mark.epoch > 1 ? '' : 'dim'}>
                {mark.epoch > 1
                  ? `was set back ${mark.epoch - 1 === 1 ? 'once' : `${mark.epoch - 1} times`}`
                  : 'never set back'}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

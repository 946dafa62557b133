// What is running, what has it found, what is wrong?

import { Button } from '@mantine/core';
import { IconPlus, IconTargetArrow } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import * as ask from '../api/queries';
import { count, plural } from '../lib/text';
import { HuntLink } from '../ui/links';
import { Bones, CliFold, CliLine, Empty, ErrorNote, Moment, Note, apiUrl, useTitle } from '../ui/parts';
import { QueueBar } from '../ui/QueueBar';
import { HuntState } from '../ui/State';

export function Overview() {
  useTitle('Overview');
  const numbers = useQuery({ ...ask.overview(), refetchInterval: 15_000 });
  const hunts = useQuery(ask.hunts({ limit: 50 }));
  const all = hunts.data?.items ?? [];
  const current = all.filter((h) => ['running', 'paused', 'draining'].includes(h.state));
  const shown = [...current, ...all.filter((h) => !current.includes(h))].slice(0, 8);
  const n = numbers.data;
  const failing = current.filter((h) => h.counts.failed > 0);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Overview</h1>
        <div className="actions">
          <Button component={Link} to="/hunts/new" leftSection={<IconPlus size={15} />}>
            New hunt
          </Button>
        </div>
      </header>
      {numbers.isError && (
        <ErrorNote what="Could not load the numbers" error={numbers.error} retry={() => void numbers.refetch()} />
      )}
      {failing.map((h) => (
        <Note
          key={h.id}
          tone="warn"
          title={
            <>
              {plural(h.counts.failed, 'client')} failed in <HuntLink id={h.id} name={h.spec.name} />
            </>
          }
        >
          <Link to="/hunts/$hunt" params={{ hunt: h.id }} search={{ tab: 'members', queue: 'failed' }}>
            See why
          </Link>
        </Note>
      ))}
      <div className="tiles lively">
        <Tile
          to="/clients"
          search={{ online: 'true' }}
          value={n?.online}
          label={n ? `of ${plural(n.clients, 'client')} online` : 'clients online'}
        />
        <Tile
          to="/hunts"
          search={{ state: 'running' }}
          value={n?.hunts_running}
          label={n?.hunts_running === 1 ? 'hunt running' : 'hunts running'}
        />
        <Tile to="/hunts" search={{ state: 'paused' }} value={n?.hunts_waiting} label="paused or draining" />
        <Tile
          to="/hunts"
          search={{ state: 'running' }}
          value={n?.flows_running}
          label={n?.flows_running === 1 ? 'flow under way' : 'flows under way'}
        />
      </div>
      <section className="stack tight" aria-label="Hunts">
        <div className="row">
          <h2>{current.length > 0 ? 'Current and latest hunts' : 'Latest hunts'}</h2>
          <Link to="/hunts" search={{}} style={{ marginLeft: 'auto' }}>
            All hunts
          </Link>
        </div>
        {hunts.isPending && <Bones />}
        {hunts.isError && (
          <ErrorNote what="Could not load the hunts" error={hunts.error} retry={() => void hunts.refetch()} />
        )}
        {hunts.data && shown.length === 0 && (
          <Empty icon={IconTargetArrow} title="No hunt yet" cli="lycaon hunt create -f hunt.yaml">
            <p>A hunt asks every matching client one question, at a pace you set, and puts the answers in one table.</p>
            <Button component={Link} to="/hunts/new">
              Make the first one
            </Button>
          </Empty>
        )}
        {shown.map((h) => (
          <article key={h.id} className="card stack tight" style={{ padding: '10px 14px' }}>
            <div className="row wrap">
              <strong className="cut">
                <HuntLink id={h.id} name={h.spec.name} />
              </strong>
              <HuntState state={h.state} />
              <span className="dim" style={{ marginLeft: 'auto' }}>
                {plural(h.rows, 'row')} from {plural(h.counts.results, 'client')} · {h.started ? 'started ' : 'made '}
                <Moment at={h.started ?? h.created} near />
              </span>
            </div>
            <QueueBar hunt={h.id} counts={h.counts} size="mid" />
          </article>
        ))}
      </section>
      {n && n.clients === 0 && (
        <Note tone="info" title="No client has enrolled yet">
          <p>
            Make a token under <Link to="/tokens">Enrolment</Link> and start an agent with it:
          </p>
          <CliLine text="lycaon-agent --config agent.yaml" />
        </Note>
      )}
      <CliFold cli={['lycaon hunt list']} api={[apiUrl('/overview'), apiUrl('/hunts')]} />
    </div>
  );
}

function Tile({
  to,
  search,
  value,
  label,
}: {
  to: '/clients' | '/hunts';
  search: Record<string, string>;
  value?: number;
  label: string;
}) {
  return (
    <Link to={to} search={search} className="tile">
      <b>{value === undefined ? <span className="dim">–</span> : count(value)}</b>
      <span>{label}</span>
    </Link>
  );
}

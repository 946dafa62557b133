// Nothing is a dead end: a client, hunt, flow or artifact is a link wherever it stands, with a card on hover.

import { HoverCard } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import * as ask from '../api/queries';
import { idKind, shortId } from '../lib/text';
import { Labels, Moment } from './parts';
import { QueueBar } from './QueueBar';
import { FlowState, HuntState, Online } from './State';

function Card({ target, children }: { target: ReactNode; children: ReactNode }) {
  return (
    <HoverCard openDelay={450} closeDelay={80} width={320} shadow="md" position="bottom-start" withinPortal>
      <HoverCard.Target>{target}</HoverCard.Target>
      <HoverCard.Dropdown>{children}</HoverCard.Dropdown>
    </HoverCard>
  );
}

function ClientCard({ id }: { id: string }) {
  const { data } = useQuery(ask.client(id));
  if (!data) return <span className="mono">{id}</span>;
  return (
    <div className="stack tight">
      <div className="row">
        <strong className="cut">{data.hostname}</strong>
        <Online online={data.online} revoked={!!data.revoked_at} />
      </div>
      <span className="dim">
        {data.platform || data.os} · {data.architecture} · agent {data.agent_version}
      </span>
      <Labels items={data.labels} wrap />
      <span className="dim">
        heard of <Moment at={data.last_seen} near />
      </span>
      <code className="dim cut">{id}</code>
    </div>
  );
}
function HuntCard({ id }: { id: string }) {
  const { data } = useQuery(ask.hunt(id));
  if (!data) return <span className="mono">{id}</span>;
  return (
    <div className="stack tight">
      <strong>{data.spec.name}</strong>
      <HuntState state={data.state} />
      <QueueBar hunt={id} counts={data.counts} />
      <code className="dim cut">{id}</code>
    </div>
  );
}
function FlowCard({ id }: { id: string }) {
  const { data } = useQuery(ask.flow(id));
  if (!data) return <span className="mono">{id}</span>;
  return (
    <div className="stack tight">
      <FlowState state={data.state} />
      <span>
        {data.artifacts.map((a) => a.name).join(', ')} on {data.hostname}
      </span>
      <span className="dim">
        {data.rows} rows, {data.uploads} files
      </span>
      <code className="dim cut">{id}</code>
    </div>
  );
}

export function ClientLink({ id, name }: { id: string; name?: string }) {
  return (
    <Card
      target={
        <Link to="/clients/$client" params={{ client: id }} className={name ? '' : 'mono'}>
          {name || shortId(id)}
        </Link>
      }
    >
      <ClientCard id={id} />
    </Card>
  );
}
/** In tables: names of machines repeat, so the first digits of the id stand beside them. */
export const ClientCell = ({ id, name }: { id: string; name?: string }) => (
  <span className="row with-tail">
    <ClientLink id={id} name={name} />
    {name && <span className="tail mono">{id.slice(2, 6)}</span>}
  </span>
);
export function HuntLink({ id, name }: { id: string; name?: string }) {
  return (
    <Card
      target={
        <Link to="/hunts/$hunt" params={{ hunt: id }} search={{}} className={name ? '' : 'mono'}>
          {name || shortId(id)}
        </Link>
      }
    >
      <HuntCard id={id} />
    </Card>
  );
}
export function FlowLink({ id }: { id: string }) {
  return (
    <Card
      target={
        <Link to="/flows/$flow" params={{ flow: id }} search={{}} className="mono">
          {shortId(id)}
        </Link>
      }
    >
      <FlowCard id={id} />
    </Card>
  );
}
export const ArtifactLink = ({ name }: { name: string }) => (
  <Link to="/artifacts/$name" params={{ name }}>
    {name}
  </Link>
);

/** An id of any kind as a link; other texts as they are. */
export function AnyId({ text }: { text: string }) {
  const kind = idKind(text);
  if (kind === 'client') return <ClientLink id={text} />;
  if (kind === 'flow') return <FlowLink id={text} />;
  if (kind === 'hunt') return <HuntLink id={text} />;
  if (kind === 'finding') {
    return (
      <Link to="/findings/$finding" params={{ finding: text }} className="mono">
        {shortId(text)}
      </Link>
    );
  }
  if (kind === 'window') {
    return (
      <Link to="/log/windows/$window" params={{ window: text }} className="mono">
        {shortId(text)}
      </Link>
    );
  }
  return <>{text}</>;
}

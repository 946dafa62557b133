// Which server processes live, what does each do, and is anything wrong with them?

import { IconCircleCheck, IconServer2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import * as ask from '../api/queries';
import type { NodeView } from '../api/schema';
import { dutySays, signSays } from '../lib/nodes';
import { count, plural } from '../lib/text';
import { apiUrl, Bones, CliFold, Copy, Empty, ErrorNote, Moment, Note, useTitle } from '../ui/parts';

export function Nodes() {
  useTitle('Nodes');
  const nodes = useQuery({ ...ask.nodes(), refetchInterval: 5_000 });
  const health = useQuery(ask.health());
  const all = nodes.data ?? [];
  const agents = all.reduce((sum, node) => sum + node.clients, 0);
  return (
    <div className="page">
      <header className="page-head">
        <div className="grow">
          <h1>Nodes</h1>
          <p className="dim">
            The server processes of this installation. Any of them can take any agent; each duty is done by one of them
            at a time, and another takes it over when that one is gone.
          </p>
        </div>
      </header>
      {health.data?.troubles?.length === 0 && (
        <Note tone="good" title="Nothing is known to be wrong">
          <p>The node that answers you is {health.data.version ? `at version ${health.data.version}` : 'well'}.</p>
        </Note>
      )}
      {nodes.isError && (
        <ErrorNote
          what={nodes.data ? 'What you see is old: the nodes could not be read again' : 'Could not load the nodes'}
          error={nodes.error}
          retry={() => void nodes.refetch()}
        />
      )}
      {nodes.isPending && !nodes.isError && <Bones />}
      {nodes.data?.length === 0 && (
        <Empty icon={IconServer2} title="No node has given a sign of life" cli="lycaon nodes">
          <p>This lasts for a moment after the records were out of reach.</p>
        </Empty>
      )}
      {all.length > 0 && (
        <section className="card stack tight" aria-label="Nodes that live">
          <h2>
            {plural(all.length, 'node')} with {plural(agents, 'connected agent')}
          </h2>
          <div className="scroll-x" tabIndex={0} role="region" aria-label="Nodes">
            <table className="glance natural nodes">
              <thead>
                <tr>
                  <th>Node</th>
                  <th>Last sign of life</th>
                  <th className="right">Agents</th>
                  <th>Duties</th>
                  <th>Agents connect to</th>
                  <th>People connect to</th>
                  <th>Started, version</th>
                </tr>
              </thead>
              <tbody>
                {all.map((node) => (
                  <Node key={node.id} node={node} most={Math.max(1, ...all.map((one) => one.clients))} />
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
      <CliFold cli={['lycaon nodes']} api={[apiUrl('/nodes'), apiUrl('/health')]} />
    </div>
  );
}

function Node({ node, most }: { node: NodeView; most: number }) {
  const sign = signSays(node.silent_ms);
  return (
    <tr aria-current={node.answers ? 'true' : undefined}>
      <td>
        <div className="row">
          <strong>{node.name}</strong>
          {node.answers && <span className="badge">answers you</span>}
        </div>
        <span className="row dim" style={{ gap: 2 }}>
          <code>{node.id}</code>
          <Copy text={node.id} label="Copy the id" size="xs" />
        </span>
      </td>
      <td>
        <span className={`state ${sign.tone}`}>
          {sign.tone === 'good' ? <IconCircleCheck aria-hidden /> : <i className="dot lost" />}
          {sign.text}
        </span>
      </td>
      <td className="right num">
        <span className="lively">{count(node.clients)}</span>
        <meter
          className="thin"
          min={0}
          max={most}
          value={node.clients}
          aria-label={`${plural(node.clients, 'agent')} at ${node.name}`}
        />
      </td>
      <td>
        {node.duties.length === 0 ? (
          <span className="dim">none of its own</span>
        ) : (
          <ul className="plain">
            {node.duties.map((duty) => (
              <li key={duty}>
                <strong>{duty.replaceAll('_', ' ')}</strong> <span className="dim">{dutySays(duty)}</span>
              </li>
            ))}
          </ul>
        )}
      </td>
      <td className="mono nowrap">{node.agents}</td>
      <td className="mono nowrap">{node.people}</td>
      <td>
        <Moment at={node.started} near />
        <div className="dim">{node.version}</div>
      </td>
    </tr>
  );
}

// One window: why these bounds, who ran it, what it read, and what may be done to it.

import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import * as logs from '../../api/logs';
import { lagText } from '../../lib/logs';
import { bytes, count, plural } from '../../lib/text';
import { Act } from '../../ui/Act';
import { PositionText, StreamLink, WindowMark } from '../../ui/logs';
import { Bones, Copy, ErrorNote, Moment } from '../../ui/parts';

export function WindowFacts({ id, withStream }: { id: string; withStream?: boolean }) {
  const { data, error, refetch } = useQuery(logs.windowOf(id));
  const [doing, setDoing] = useState<string | null>(null);
  if (error && !data) return <ErrorNote what="Could not load this window" error={error} retry={() => void refetch()} />;
  if (!data) return <Bones lines={5} />;
  const w = data.window;
  const range = { from: w.from, to: w.to };
  return (
    <div className="stack tight window-facts">
      <div className="row wrap">
        <WindowMark state={w.state} pill />
        {data.actions.map((verb) => (
          <Button key={verb} size="compact-xs" variant="default" onClick={() => setDoing(verb)}>
            {verb === 'waive' ? 'Waive…' : 'Reopen…'}
          </Button>
        ))}
        {data.findings > 0 && (
          <Link to="/findings" search={{ tenant: w.tenant, rule: w.rule, ...range }}>
            {plural(data.findings, 'finding')}
          </Link>
        )}
      </div>
      <ul className="why">
        {data.sentences.map((s) => (
          <li key={s}>{s}</li>
        ))}
      </ul>
      <dl className="facts">
        <dt>Window</dt>
        <dd className="row wrap">
          <PositionText at={w.from} /> to <PositionText at={w.to} />
        </dd>
        {withStream && (
          <>
            <dt>Stream</dt>
            <dd>
              <StreamLink at={w} ledger={w.ledger} />
            </dd>
          </>
        )}
        {w.evidence && (
          <>
            <dt>Matches</dt>
            <dd>
              {count(w.evidence.rows)}, {count(w.evidence.findings_new)} new
            </dd>
            <dt>Read</dt>
            <dd>
              {bytes(w.evidence.bytes)} in {lagText(w.evidence.took_millis)}
            </dd>
            <dt>Revision</dt>
            <dd>
              <code>{w.evidence.revision}</code>
            </dd>
          </>
        )}
        <dt>Id</dt>
        <dd className="row">
          <code className="cut">{w.id}</code>
          <Copy text={w.id} label="Copy the id" size="xs" />
        </dd>
      </dl>
      {data.runs.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="region" aria-label="Attempts at this window">
          <table className="glance tokens loose">
            <thead>
              <tr>
                <th>Attempt</th>
                <th>Ended</th>
                <th>By</th>
                <th>Why</th>
              </tr>
            </thead>
            <tbody>
              {data.runs.map((r) => (
                <tr key={`${r.token}-${r.ended_at}`}>
                  <td>
                    <WindowMark state={r.outcome} />
                  </td>
                  <td>
                    <Moment at={r.ended_at} />
                  </td>
                  <td>{r.owner}</td>
                  <td>{r.reason ?? (r.rows != null ? plural(r.rows, 'match', 'matches') : '')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {doing && (
        <Act
          title={doing === 'waive' ? 'Waive this window' : 'Reopen this window'}
          action={doing === 'waive' ? 'Waive' : 'Reopen'}
          danger={doing === 'waive'}
          about={`${id} ${doing}`}
          act={(body) => logs.windowVerb(id, doing, body)}
          close={() => setDoing(null)}
        />
      )}
    </div>
  );
}

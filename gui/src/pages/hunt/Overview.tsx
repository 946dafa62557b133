// What does this hunt ask, at which pace, and is anything wrong?

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Fragment } from 'react';
import { get, part } from '../../api/request';
import type { ArtifactCall, HuntView, MemberPage, RowPage } from '../../api/schema';
import * as ask from '../../api/queries';
import { budgets, canarySays, FAILURE_CLASSES, stopSays } from '../../lib/bounds';
import { scheduleSays } from '../../lib/schedule';
import { cellText, count, middle, plural } from '../../lib/text';
import { ArtifactLink, ClientLink } from '../../ui/links';
import { apiUrl, CliFold, Moment, Note } from '../../ui/parts';
import { Revisions } from './Revisions';

export function HuntOverview({ hunt }: { hunt: HuntView }) {
  const { spec } = hunt;
  const per = spec.limits?.per_client;
  const none = <span className="dim">no limit</span>;
  return (
    <>
      {hunt.counts.failed > 0 && <Failures hunt={hunt} />}
      {hunt.state === 'draft' && (
        <Note tone="info" title="This hunt has not begun">
          <p>Nobody is asked until it is started.</p>
        </Note>
      )}
      <div className="grid2">
        <div className="stack">
          <Found hunt={hunt} />
          <section className="card">
            <h2>Pace and limits</h2>
            <dl className="facts">
              <dt>Rate</dt>
              <dd>{spec.rate ?? 'unlimited'}</dd>
              <dt>Clients in all</dt>
              <dd>{spec.limits?.clients ? count(spec.limits.clients) : none}</dd>
              <dt>Running at once</dt>
              <dd>{spec.limits?.running ? count(spec.limits.running) : none}</dd>
              <dt>Each client</dt>
              <dd>
                {per?.rows ? plural(per.rows, 'row') : 'any number of rows'}, {per?.upload_bytes ?? 'any size'} of
                files, {!per?.cpu || per.cpu === '0' ? 'full speed' : `${per.cpu} of a processor`},{' '}
                {per?.timeout ?? '10m'}
              </dd>
              <dt>Recruits for</dt>
              <dd>{spec.expires ?? '7d'}</dd>
              {spec.canary && (
                <>
                  <dt>First</dt>
                  <dd>{canarySays(spec.canary)}</dd>
                </>
              )}
              {spec.limits?.stop_when && (
                <>
                  <dt>Ends early</dt>
                  <dd>{stopSays(spec.limits.stop_when)}</dd>
                </>
              )}
              {spec.schedule && (
                <>
                  <dt>Asks</dt>
                  <dd>{scheduleSays(spec.schedule)}</dd>
                </>
              )}
              {Object.entries(spec.retry ?? {}).map(([name, rule]) => (
                <Fragment key={name}>
                  <dt>After {FAILURE_CLASSES.find((one) => one.name === name)?.name.replace(/_/g, ' ') ?? name}</dt>
                  <dd>
                    {rule.times === 0 ? 'by hand only' : `${plural(rule.times, 'more attempt')}`}
                    {rule.times > 0 && rule.limit && rule.limit !== '100%' && ` with ${rule.limit} of the limit`}
                  </dd>
                </Fragment>
              ))}
            </dl>
            <Budgets hunt={hunt} />
          </section>
        </div>
        <div className="stack">
          <section className="card">
            <h2>What it asks</h2>
            {spec.description && <p style={{ marginBottom: 8 }}>{spec.description}</p>}
            <Calls calls={spec.artifacts} />
          </section>
          <section className="card">
            <h2>Life</h2>
            <dl className="facts">
              <dt>Made</dt>
              <dd>
                <Moment at={hunt.created} /> by {hunt.creator}
              </dd>
              <dt>Started</dt>
              <dd>
                <Moment at={hunt.started} />
              </dd>
              <dt>{hunt.ended ? 'Ended' : 'Ends'}</dt>
              <dd>
                <Moment at={hunt.ended ?? hunt.expires} />
              </dd>
              <dt>Revision</dt>
              <dd>{hunt.revision}</dd>
            </dl>
          </section>
        </div>
      </div>
      <Revisions hunt={hunt} />
      <CliFold
        cli={[
          `lycaon hunt show ${hunt.id}`,
          `lycaon hunt watch ${hunt.id}`,
          `lycaon hunt export ${hunt.id} -o hunt.zip`,
        ]}
        api={[apiUrl(`/hunts/${hunt.id}`)]}
      />
    </>
  );
}

/** What of its budgets is used. */
function Budgets({ hunt }: { hunt: HuntView }) {
  const known = budgets(hunt);
  if (known.length === 0) return null;
  return (
    <>
      <h3>Budgets</h3>
      <ul className="bars lively">
        {known.map((one) => (
          <li key={one.what}>
            <span>{one.what}</span>
            <meter
              min={0}
              max={100}
              high={80}
              value={one.percent}
              aria-label={`${one.what}: ${one.used} of ${one.most}`}
            />
            <span className="num nowrap">
              {one.used} of {one.most}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

export function Calls({ calls }: { calls: ArtifactCall[] }) {
  return (
    <div className="stack tight">
      {calls.map((call, i) => {
        const given = Object.entries(call.parameters ?? {});
        return (
          <div key={`${call.name}${i}`}>
            <strong>
              <ArtifactLink name={call.name} />
            </strong>
            {given.length > 0 ? (
              <dl className="facts" style={{ marginTop: 4 }}>
                {given.map(([name, value]) => (
                  <div key={name} style={{ display: 'contents' }}>
                    <dt>{name}</dt>
                    <dd className="mono">{cellText(value)}</dd>
                  </div>
                ))}
              </dl>
            ) : (
              <span className="dim"> with its defaults</span>
            )}
          </div>
        );
      })}
    </div>
  );
}

function Failures({ hunt }: { hunt: HuntView }) {
  const { data } = useQuery({
    queryKey: ['members', hunt.id, 'failures'],
    queryFn: ({ signal }) =>
      get<MemberPage>(
        `/hunts/${part(hunt.id)}/members`,
        { queue: 'failed', sort: 'updated', desc: true, limit: 3 },
        signal,
      ),
  });
  return (
    <Note tone="warn" title={`${plural(hunt.counts.failed, 'client')} failed`}>
      {data?.items.map((m) => (
        <p key={m.client}>
          <ClientLink id={m.client} name={m.hostname || undefined} />: {m.reason || 'no reason given'}
        </p>
      ))}
      <Link to="/hunts/$hunt" params={{ hunt: hunt.id }} search={{ tab: 'members', queue: 'failed' }}>
        All of them, with reasons
      </Link>
    </Note>
  );
}

/** A glance at the newest rows: enough to know whether it is what one is after. */
function Found({ hunt }: { hunt: HuntView }) {
  const sources = useQuery(ask.huntSources(hunt.id));
  const first = sources.data?.find((s) => s.rows > 0);
  const query = { source: first?.source, sort: '_stored', desc: true, limit: 6 };
  const rows = useQuery({
    queryKey: ['hunt-rows', hunt.id, 'glance', query],
    queryFn: ({ signal }) => get<RowPage>(`/hunts/${part(hunt.id)}/results`, query, signal),
    enabled: !!first,
  });
  const columns = (first?.columns ?? []).slice(0, 3);
  return (
    <section className="card">
      <h2>What it has found</h2>
      {hunt.rows === 0 && hunt.uploads === 0 ? (
        <p className="dim">{hunt.state === 'draft' ? 'It has not begun.' : 'Nothing yet.'}</p>
      ) : (
        <>
          <p className="lively" style={{ marginBottom: 8 }}>
            <strong>{plural(hunt.rows, 'row')}</strong>
            {hunt.uploads > 0 && <> and {plural(hunt.uploads, 'file')}</>} from {plural(hunt.counts.results, 'client')}
          </p>
          {rows.data && rows.data.items.length > 0 && (
            <table className="glance">
              <thead>
                <tr>
                  <th>Client</th>
                  {columns.map((c) => (
                    <th key={c}>{c}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.data.items.map((row, i) => (
                  <tr key={i}>
                    <td>
                      <ClientLink id={row.client} name={row.hostname || undefined} />
                    </td>
                    {columns.map((c) => (
                      <td key={c} title={cellText(row.row[c])}>
                        {middle(cellText(row.row[c]), 42)}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          <Link to="/hunts/$hunt" params={{ hunt: hunt.id }} search={{ tab: 'results' }}>
            All results
          </Link>
        </>
      )}
    </section>
  );
}

// The size of a hunt before it starts: in a sentence, and as a cohort one can look at.

import type { HuntPreview, PreviewCount } from '../../api/schema';
import { timeFor } from '../../lib/pace';
import { count, plural } from '../../lib/text';
import { ClientLink } from '../../ui/links';
import { Labels, Moment } from '../../ui/parts';
import { Online } from '../../ui/State';

export function PreviewText({ preview, rate }: { preview: HuntPreview; rate: string }) {
  const { asked, online, excluded } = preview;
  // The server knows its ceiling and the client limit; an older one leaves the guess to us.
  const told = preview.duration_all && !/^0s?$/.test(preview.duration_all) ? preview.duration_all : '';
  const time = told || timeFor(asked, rate);
  return (
    <>
      <p>
        This will ask <strong>{plural(asked, 'client')}</strong>
        {asked > 0 && (
          <>
            , {online === asked ? 'all' : <strong>{count(online)}</strong>} of them connected now
            {online < asked && '; the others are asked when they come back'}
          </>
        )}
        .
        {excluded > 0 &&
          ` ${plural(excluded, 'client')} ${excluded === 1 ? 'is' : 'are'} left out by include and exclude.`}
      </p>
      {time && asked > 0 && (
        <p className="dim">
          {rate === 'unlimited' ? 'It' : `At ${rate} it`} begins on all of them within {time} if every one matches.
        </p>
      )}
    </>
  );
}

/** Who they are: by system and label, why others are left out, and some of them by name. */
export function Cohort({ preview }: { preview: HuntPreview }) {
  const { asked, recent } = preview;
  const sample = preview.sample ?? [];
  if (asked === 0 && (preview.excluded_by ?? []).length === 0) return null;
  return (
    <section className="card stack" aria-label="Who would be asked">
      <h2>Who they are</h2>
      {recent !== undefined && asked > 0 && (
        <p className="dim">{count(recent)} of them are connected or were seen within seven days.</p>
      )}
      <div className="cohort">
        <Bars title="System" counts={preview.systems} of={asked} />
        <Bars title="Label" counts={preview.labels} of={asked} />
        <Bars title="Left out because" counts={preview.excluded_by} of={preview.excluded} />
      </div>
      {sample.length > 0 && (
        <div>
          <h3>{sample.length < asked ? `${sample.length} of them, spread over all` : 'All of them'}</h3>
          <table className="glance">
            <thead>
              <tr>
                <th>Client</th>
                <th>System</th>
                <th>Labels</th>
                <th>Last seen</th>
              </tr>
            </thead>
            <tbody>
              {sample.map((c) => (
                <tr key={c.id}>
                  <td>
                    <span className="row">
                      <ClientLink id={c.id} name={c.hostname || undefined} />
                      <Online online={c.online} />
                    </span>
                  </td>
                  <td>{c.os}</td>
                  <td>
                    <Labels items={c.labels} />
                  </td>
                  <td>{c.online ? 'now' : <Moment at={c.last_seen} near />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {(preview.unknown ?? []).map((text) => (
        <p key={text} className="dim">
          {text}
        </p>
      ))}
    </section>
  );
}

function Bars({ title, counts, of }: { title: string; counts?: PreviewCount[]; of: number }) {
  if (!counts?.length) return null;
  const shown = counts.slice(0, 8);
  return (
    <div>
      <h3>{title}</h3>
      <ul className="bars">
        {shown.map((one) => (
          <li key={one.name}>
            <span className="cut" title={one.name}>
              {one.name}
            </span>
            <meter min={0} max={Math.max(1, of)} value={one.clients} aria-label={`${one.name}: ${one.clients}`} />
            <span className="num" title={`${count(one.online)} connected now`}>
              {count(one.clients)}
            </span>
          </li>
        ))}
      </ul>
      {counts.length > shown.length && <p className="dim">and {counts.length - shown.length} more</p>}
    </div>
  );
}

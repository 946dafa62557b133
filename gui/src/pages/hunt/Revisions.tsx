// What was changed in this hunt, when and by whom?

import { useQuery } from '@tanstack/react-query';
import * as ask from '../../api/queries';
import type { HuntView } from '../../api/schema';
import { middle } from '../../lib/text';
import { Bones, ErrorNote, Moment } from '../../ui/parts';

export function Revisions({ hunt }: { hunt: HuntView }) {
  const revisions = useQuery(ask.huntRevisions(hunt.id));
  if (hunt.revision < 2) return null;
  return (
    <section className="card stack tight">
      <h2>Revisions</h2>
      {revisions.isPending && <Bones lines={2} />}
      {revisions.isError && (
        <ErrorNote what="Could not load the revisions" error={revisions.error} retry={() => void revisions.refetch()} />
      )}
      {revisions.data && (
        <ol className="revisions" reversed>
          {[...revisions.data].reverse().map((one) => (
            <li key={one.revision} value={one.revision}>
              <span className="dim">
                <Moment at={one.at} /> by {one.by}
              </span>
              {one.changes.map((field) => (
                <div key={field.field}>
                  <code>{field.field}</code>: <del title={field.before}>{middle(field.before || 'nothing', 80)}</del>{' '}
                  <ins title={field.after}>{middle(field.after || 'nothing', 80)}</ins>
                </div>
              ))}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

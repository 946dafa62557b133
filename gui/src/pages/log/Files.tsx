// What do the definition files say, and what is wrong with them?

import { useQuery } from '@tanstack/react-query';
import * as logs from '../../api/logs';
import type { LogFileProblem } from '../../api/schema';
import { count, plural } from '../../lib/text';
import { Bones, CliLine, ErrorNote, Moment, Note } from '../../ui/parts';

export function Files() {
  const { data, error, refetch } = useQuery(logs.definitions());
  if (error && !data) return <ErrorNote what="Could not load the files" error={error} retry={() => void refetch()} />;
  if (!data) return <Bones lines={6} />;
  return (
    <div className="stack scroll-y">
      <section className="card stack tight" aria-label="Definitions">
        <dl className="facts">
          <dt>Folder</dt>
          <dd>
            <code>{data.folder || '–'}</code>
          </dd>
          <dt>Read</dt>
          <dd>
            <Moment at={data.loaded_at} />
          </dd>
          <dt>Revision</dt>
          <dd>
            <code>{data.revision || '–'}</code>
          </dd>
          <dt>Defined</dt>
          <dd>
            {plural(data.tenants, 'tenant')}, {plural(data.rules, 'rule')}, {plural(data.engines, 'engine')},{' '}
            {plural(data.channels.length, 'channel')}
            {data.channels.length > 0 && ` (${data.channels.join(', ')})`}
          </dd>
        </dl>
        {data.folder && <CliLine text={`lycaon log check ${data.folder}`} />}
      </section>
      {data.stale && (
        <Note tone="warn" title="The files on disk have errors">
          <p>What was read before is in force until they are mended.</p>
        </Note>
      )}
      {data.problems.length === 0 ? (
        <Note tone="good">Nothing is wrong with the files.</Note>
      ) : (
        <section className="card stack tight" aria-label="Problems">
          <h2>{plural(data.problems.length, 'problem')}</h2>
          <Problems problems={data.problems} />
        </section>
      )}
    </div>
  );
}

export function Problems({ problems }: { problems: LogFileProblem[] }) {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Problems of the files">
      <table className="glance tokens loose">
        <thead>
          <tr>
            <th>Where</th>
            <th>What</th>
          </tr>
        </thead>
        <tbody>
          {problems.slice(0, 500).map(({ file, problem }, i) => (
            <tr key={i}>
              <td className="mono nowrap">
                {file}
                {problem.line ? `:${problem.line}` : ''}
                {problem.column ? `:${problem.column}` : ''}
              </td>
              <td>
                <span className={problem.severity === 'error' ? 'bad-text' : ''}>{problem.severity}</span>:{' '}
                {problem.field && <code>{problem.field}</code>} {problem.message}{' '}
                {problem.hint && <span className="dim">{problem.hint}</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {problems.length > 500 && <p className="dim">{count(problems.length - 500)} more.</p>}
    </div>
  );
}

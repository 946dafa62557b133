// VQL on a page: the editor comes when it is needed, with the plain text in its place until then.

import { lazy, Suspense, useState } from 'react';
import type { CheckReport } from '../api/schema';
import type { VqlEditorProps } from './VqlEditor';

const Editor = lazy(() => import('./VqlEditor'));

export const VqlText = ({ text, label }: { text: string; label: string }) => (
  <Suspense fallback={<pre className="code">{text}</pre>}>
    <Editor value={text} label={label} />
  </Suspense>
);

/** An editor of SQL over columns of these names. */
export const SqlField = (props: {
  value: string;
  change: (text: string) => void;
  names: string[];
  run: () => void;
}) => (
  <Suspense fallback={<div className="editor bone tall" />}>
    <Editor label="SQL" value={props.value} change={props.change} sql={props.names} run={props.run} />
  </Suspense>
);

/** An editor with what the server says about the text below it. */
export function VqlField(props: Omit<VqlEditorProps, 'report'> & { description?: React.ReactNode }) {
  const [report, setReport] = useState<CheckReport | null>(null);
  const { description, ...rest } = props;
  return (
    <div className="stack tight">
      <div>
        <strong>{props.label}</strong>
        {description && <p className="dim">{description}</p>}
      </div>
      <Suspense fallback={<div className="editor bone tall" />}>
        <Editor {...rest} report={setReport} />
      </Suspense>
      <div role="status" aria-live="polite">
        {report?.problems.map((problem, i) => (
          <p key={i} className={problem.severity === 'warning' ? 'dim' : 'bad-text'}>
            {problem.line ? `Line ${problem.line}${problem.column ? `, column ${problem.column}` : ''}: ` : ''}
            {problem.message} {problem.hint && <span className="dim">{problem.hint}</span>}
          </p>
        ))}
        {report?.ok && report.problems.length === 0 && <p className="dim">The query is understood.</p>}
      </div>
    </div>
  );
}

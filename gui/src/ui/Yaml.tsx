// A YAML text for reading, with line numbers and with what is wrong at its line.

import { useMemo } from 'react';
import type { LogFileProblem } from '../api/schema';
import { yamlLines } from '../lib/yaml';
import { Copy } from './parts';

export function Yaml({ text, label, problems = [] }: { text: string; label: string; problems?: LogFileProblem[] }) {
  const lines = useMemo(() => yamlLines(text), [text]);
  const at = (line: number) => problems.filter((p) => p.problem.line === line);
  return (
    <div className="yaml" role="region" aria-label={label} tabIndex={0}>
      <span className="yaml-copy">
        <Copy text={text} label="Copy the text" />
      </span>
      <ol>
        {lines.map((pieces, i) => {
          const wrong = at(i + 1);
          return (
            <li key={i} className={wrong.length ? 'wrong' : undefined}>
              <code>
                {pieces.map(([kind, piece], k) => (
                  <span key={k} className={kind === 'text' ? undefined : `y-${kind}`}>
                    {piece}
                  </span>
                ))}
                {pieces.length === 0 && ' '}
              </code>
              {wrong.map((p, k) => (
                <p key={k}>
                  {p.problem.message} <span className="dim">{p.problem.hint}</span>
                </p>
              ))}
            </li>
          );
        })}
      </ol>
    </div>
  );
}

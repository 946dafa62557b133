// Findings by ATT&CK technique: what was met, and where is nothing?

import { Button, Switch } from '@mantine/core';
import { IconGridDots } from '@tabler/icons-react';
import { useState } from 'react';
import type { LogCount } from '../../api/schema';
import { matrix } from '../../lib/attack';
import { count } from '../../lib/text';
import { Bones, Empty } from '../../ui/parts';
import type { ChangeFindings, FindingsSearch } from '../Findings';

interface Props {
  counts?: LogCount[];
  search: FindingsSearch;
  change: ChangeFindings;
}

export function Matrix({ counts, search, change }: Props) {
  const [all, setAll] = useState(false);
  if (!counts) return <Bones lines={6} />;
  const columns = matrix(counts, all);
  const most = Math.max(1, ...columns.flatMap((c) => c.cells.map((cell) => cell.count)));
  // Four steps; one finding among thousands can still be seen.
  const step = (n: number) => (n === 0 ? 0 : Math.max(1, Math.ceil((n / most) * 4)));
  return (
    <>
      <div className="toolbar">
        <Switch size="xs" label="All techniques" checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />
        <span className="tally" style={{ marginLeft: 'auto' }} role="status">
          {count(counts.length)} techniques met
        </span>
      </div>
      {columns.length === 0 ? (
        <Empty icon={IconGridDots} title="No finding names a technique">
          <Button variant="default" onClick={() => setAll(true)}>
            Show all techniques
          </Button>
        </Empty>
      ) : (
        <div className="matrix" role="region" aria-label="ATT&CK matrix" tabIndex={0}>
          {columns.map((column) => (
            <section key={column.name} aria-label={column.name}>
              <h2>
                {column.name} <span className="dim">{column.cells.filter((c) => c.count > 0).length}</span>
              </h2>
              {column.cells.map((cell) => (
                <button
                  key={cell.id}
                  type="button"
                  className={`heat-${step(cell.count)}`}
                  disabled={cell.count === 0}
                  aria-pressed={search.attack?.split('.')[0] === cell.id}
                  title={[
                    `${cell.id} ${cell.name}: ${count(cell.count)}`,
                    ...cell.parts.map((p) => `${p.value}: ${count(p.count)}`),
                  ].join('\n')}
                  onClick={() =>
                    // The server filters by exactly one name: the commonest of a technique's parts.
                    change({ attack: cell.parts[0]?.value, view: undefined, finding: undefined })
                  }
                >
                  <span>
                    <b>{cell.id}</b> {cell.name}
                  </span>
                  {cell.count > 0 && <span className="num">{count(cell.count)}</span>}
                </button>
              ))}
            </section>
          ))}
        </div>
      )}
    </>
  );
}

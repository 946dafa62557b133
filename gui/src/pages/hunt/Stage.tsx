// Where a hunt stands with its first clients, and the gate through which the others come.

import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { HuntView } from '../../api/schema';
import { stageSays } from '../../lib/bounds';
import { VERBS, type Verb } from '../../lib/verbs';
import { Note } from '../../ui/parts';

export function Stage({ hunt, want }: { hunt: HuntView; want: (verb: Verb) => void }) {
  const stage = stageSays(hunt);
  if (!stage) return null;
  const open = hunt.verbs.includes('widen');
  return (
    <Note tone={stage.tone} title={stage.title}>
      <p>{stage.text}</p>
      <div className="row wrap">
        {open && <Button onClick={() => want('widen')}>{VERBS.widen.label}</Button>}
        {hunt.counts.failed > 0 && (
          <Link to="/hunts/$hunt" params={{ hunt: hunt.id }} search={{ tab: 'members', queue: 'failed' }}>
            Why they failed
          </Link>
        )}
        {hunt.rows > 0 && (
          <Link to="/hunts/$hunt" params={{ hunt: hunt.id }} search={{ tab: 'results' }}>
            What they brought
          </Link>
        )}
      </div>
    </Note>
  );
}

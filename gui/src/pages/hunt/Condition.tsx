// Whom does this hunt want? A change is a new revision: it holds for clients that have not begun.

import { Button } from '@mantine/core';
import { useState } from 'react';
import * as ask from '../../api/queries';
import type { ClientFilter, HuntCondition as Condition, HuntView } from '../../api/schema';
import { ConditionFields, DEFAULT_CLIENT_QUERY } from '../../ui/ConditionFields';
import { ClientLink } from '../../ui/links';
import { apiUrl, CliFold, ErrorNote, Labels, Note } from '../../ui/parts';
import { say } from '../../ui/toast';
import { VqlText } from '../../ui/Vql';

export function HuntCondition({ hunt }: { hunt: HuntView }) {
  const [draft, setDraft] = useState<Condition | null>(null);
  const condition = hunt.spec.condition ?? {};
  const fixed = ['stopped', 'completed', 'archived'].includes(hunt.state);
  if (draft) return <Editing hunt={hunt} draft={draft} setDraft={setDraft} />;
  return (
    <>
      <div className="grid2">
        <section className="card">
          <h2>Only these</h2>
          <Selection value={condition.include} none="Every client is asked." />
        </section>
        <section className="card">
          <h2>None of these</h2>
          <Selection value={condition.exclude} none="Nobody is left out." />
        </section>
      </div>
      <section className="card stack tight">
        <div className="row">
          <h2 className="grow">Condition on the server</h2>
          {!fixed && (
            <Button variant="default" onClick={() => setDraft(condition)}>
              Edit
            </Button>
          )}
        </div>
        {condition.server ? (
          <VqlText text={condition.server} label="Condition on the server" />
        ) : (
          <p className="dim">None: every client that answers takes part.</p>
        )}
      </section>
      <section className="card stack tight">
        <h2>Query on the client</h2>
        {!condition.client && <p className="dim">The usual facts:</p>}
        <VqlText text={condition.client ?? DEFAULT_CLIENT_QUERY} label="Query on the client" />
      </section>
      <p className="dim">Shown is revision {hunt.revision}.</p>
      <CliFold cli={[`lycaon hunt show ${hunt.id} --format json`]} api={[apiUrl(`/hunts/${hunt.id}`)]} />
    </>
  );
}

function Selection({ value, none }: { value?: ClientFilter; none: string }) {
  const labels = value?.labels ?? [];
  const clients = value?.clients ?? [];
  const os = value?.os && value.os !== 'any' ? value.os : null;
  if (labels.length === 0 && clients.length === 0 && !os) return <p className="dim">{none}</p>;
  return (
    <dl className="facts">
      {labels.length > 0 && (
        <>
          <dt>Labels</dt>
          <dd>
            <Labels items={labels} wrap />
          </dd>
        </>
      )}
      {os && (
        <>
          <dt>System</dt>
          <dd>{os}</dd>
        </>
      )}
      {clients.length > 0 && (
        <>
          <dt>Clients</dt>
          <dd className="row wrap">
            {clients.slice(0, 30).map((id) => (
              <ClientLink key={id} id={id} />
            ))}
            {clients.length > 30 && <span>and {clients.length - 30} more</span>}
          </dd>
        </>
      )}
    </dl>
  );
}

function Editing({
  hunt,
  draft,
  setDraft,
}: {
  hunt: HuntView;
  draft: Condition;
  setDraft: (draft: Condition | null) => void;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function save() {
    setBusy(true);
    setError(null);
    try {
      ask.rememberHunt(await ask.editHunt(hunt.id, { revision: hunt.revision, condition: draft }));
      say('The condition is changed');
      setDraft(null);
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  }
  return (
    <div className="stack">
      <Note tone="info" title={`This makes revision ${hunt.revision + 1}`}>
        <p>Clients that have begun stay as they are; the others are asked again and decided by the new condition.</p>
      </Note>
      <ConditionFields value={draft} change={setDraft} />
      {error !== null && <ErrorNote what="The condition was not changed" error={error} />}
      <div className="row">
        <Button loading={busy} onClick={() => void save()}>
          Save as revision {hunt.revision + 1}
        </Button>
        <Button variant="default" onClick={() => setDraft(null)}>
          Leave it
        </Button>
      </div>
    </div>
  );
}

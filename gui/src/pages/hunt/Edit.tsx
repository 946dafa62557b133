import { Button, Modal, Textarea } from '@mantine/core';
import { useState } from 'react';
import * as ask from '../../api/queries';
import type { HuntEdit, HuntView } from '../../api/schema';
import { plural } from '../../lib/text';
import { ErrorNote } from '../../ui/parts';
import { PaceFields, paceIsValid, paceOf, type Pace } from '../../ui/LimitFields';
import { say } from '../../ui/toast';

const differs = (a: unknown, b: unknown) => JSON.stringify(a) !== JSON.stringify(b);

/** Change pace and limits of a hunt that may be under way. */
export function EditHunt({ hunt, close }: { hunt: HuntView; close: () => void }) {
  const { spec } = hunt;
  const first: Pace = paceOf(spec);
  const [pace, setPace] = useState(first);
  const [description, setDescription] = useState(spec.description ?? '');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const changed: HuntEdit = {
    ...(pace.rate !== first.rate && { rate: pace.rate }),
    ...(pace.expires !== first.expires && { expires: pace.expires }),
    ...(differs(pace.limits, first.limits) && { limits: pace.limits }),
    ...(differs(pace.retry, first.retry) && { retry: pace.retry }),
    ...(differs(pace.schedule, first.schedule) && { schedule: pace.schedule }),
    ...(description !== (spec.description ?? '') && { description }),
  };
  async function save(event: React.FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      ask.rememberHunt(await ask.editHunt(hunt.id, { revision: hunt.revision, ...changed }));
      say('The hunt is changed');
      close();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  }
  return (
    <Modal opened onClose={close} lockScroll={false} size="xl" title={<strong>Edit “{spec.name}”</strong>}>
      <form className="stack" onSubmit={(event) => void save(event)}>
        <p className="dim">
          The change holds at once for the {plural(hunt.counts.pending, 'client')} that wait and for all that follow;{' '}
          {plural(hunt.counts.running, 'running flow')} keep the limits they began with.
        </p>
        <PaceFields value={pace} change={setPace} begun />
        <Textarea
          label="Description"
          rows={2}
          value={description}
          onChange={(e) => setDescription(e.currentTarget.value)}
        />
        {error !== null && <ErrorNote what="The hunt was not changed" error={error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={close}>
            Leave it
          </Button>
          <Button type="submit" loading={busy} disabled={Object.keys(changed).length === 0 || !paceIsValid(pace)}>
            Save
          </Button>
        </div>
      </form>
    </Modal>
  );
}

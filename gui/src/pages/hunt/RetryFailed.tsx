// Lets clients that failed run again, with other limits if need be.

import { Button, Modal, NativeSelect, NumberInput, TextInput } from '@mantine/core';
import { useState } from 'react';
import * as ask from '../../api/queries';
import type { HuntView, RetryRequest } from '../../api/schema';
import { FAILURE_CLASSES } from '../../lib/bounds';
import { validDuration, validSize } from '../../lib/pace';
import { plural } from '../../lib/text';
import { whole } from '../../ui/BoundFields';
import { CliLine, ErrorNote } from '../../ui/parts';
import { say } from '../../ui/toast';

export function RetryFailed({ hunt, close }: { hunt: HuntView; close: () => void }) {
  const [request, setRequest] = useState<RetryRequest>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const set = (part: Partial<RetryRequest>) => setRequest((r) => ({ ...r, ...part }));
  const wrongTime = !!request.timeout && !validDuration(request.timeout);
  const wrongSize = !!request.upload_bytes && !validSize(request.upload_bytes);
  async function go(event: React.FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const done = await ask.retryFailed(hunt.id, request);
      void ask.queryClient.invalidateQueries({ queryKey: ['members', hunt.id] });
      void ask.queryClient.invalidateQueries({ queryKey: ['hunt', hunt.id] });
      say(`${plural(done.clients, 'client')} will run again`);
      close();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  }
  return (
    <Modal opened onClose={close} lockScroll={false} title={<strong>Run failed clients again</strong>}>
      <form className="stack" onSubmit={(event) => void go(event)}>
        <p className="dim">
          {plural(hunt.counts.failed, 'client')} failed. Those that run again keep their record and count another
          attempt, within the rate of the hunt.
        </p>
        <NativeSelect
          label="Which"
          value={request.class ?? ''}
          onChange={(e) => set({ class: e.currentTarget.value || null })}
          data={[
            { value: '', label: 'All that failed' },
            ...FAILURE_CLASSES.map((one) => ({ value: one.name, label: one.label })),
          ]}
        />
        <div className="params">
          <TextInput
            label="Another time for each"
            placeholder="as before"
            value={request.timeout ?? ''}
            onChange={(e) => set({ timeout: e.currentTarget.value || null })}
            error={wrongTime && 'A duration, such as 20m'}
          />
          <NumberInput
            label="Another limit of rows"
            placeholder="as before"
            min={0}
            thousandSeparator=","
            value={request.rows ?? ''}
            onChange={(n) => set({ rows: n === '' ? null : whole(n) })}
          />
          <TextInput
            label="Another limit of files"
            placeholder="as before"
            value={request.upload_bytes ?? ''}
            onChange={(e) => set({ upload_bytes: e.currentTarget.value || null })}
            error={wrongSize && 'A size, such as 4GiB'}
          />
        </div>
        {error !== null && <ErrorNote what="Nobody runs again" error={error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={close}>
            Leave it
          </Button>
          <Button type="submit" loading={busy} disabled={wrongTime || wrongSize}>
            Run them again
          </Button>
        </div>
        <CliLine text={`lycaon hunt retry ${hunt.id}${request.class ? ` --class ${request.class}` : ''}`} />
      </form>
    </Modal>
  );
}

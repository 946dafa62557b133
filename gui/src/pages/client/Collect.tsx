// Collect from one client now.

import { Button, Modal } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import * as ask from '../../api/queries';
import { ApiError } from '../../api/request';
import type { ArtifactCall, ClientView, FlowLimits } from '../../api/schema';
import { ArtifactPicker } from '../../ui/ArtifactPicker';
import { FlowLimitFields } from '../../ui/LimitFields';
import { ErrorNote, Note } from '../../ui/parts';

export function Collect({ client, close }: { client: ClientView; close: () => void }) {
  const navigate = useNavigate();
  const [calls, setCalls] = useState<ArtifactCall[]>([]);
  const [limits, setLimits] = useState<FlowLimits>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function go() {
    setBusy(true);
    setError(null);
    try {
      const flow = await ask.startFlow({
        client: client.id,
        artifacts: calls,
        ...(Object.keys(limits).length && { limits }),
      });
      ask.queryClient.setQueryData(['flow', flow.id], flow);
      void ask.queryClient.invalidateQueries({ queryKey: ['client-flows', client.id] });
      void navigate({ to: '/flows/$flow', params: { flow: flow.id }, search: {} });
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  }
  return (
    <Modal
      opened
      onClose={close}
      lockScroll={false}
      size={1040}
      title={<strong>Collect from {client.hostname || client.id}</strong>}
    >
      <div className="stack">
        {!client.online && (
          <Note tone="info" title="It is not connected">
            <p>The flow waits and begins when it comes back.</p>
          </Note>
        )}
        <ArtifactPicker calls={calls} change={setCalls} problems={error instanceof ApiError ? error.problems : []} />
        <details className="fold" style={{ margin: 0 }}>
          <summary>Limits</summary>
          <FlowLimitFields value={limits} change={setLimits} />
        </details>
        {error !== null && <ErrorNote what="The flow was not started" error={error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={close}>
            Leave it
          </Button>
          <Button disabled={calls.length === 0} loading={busy} onClick={() => void go()}>
            Collect
          </Button>
        </div>
      </div>
    </Modal>
  );
}

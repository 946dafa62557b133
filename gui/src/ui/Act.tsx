// Does something to log hunts for a reason, and says its size first: the server is asked what it would touch.

import { Button, Modal, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState, type FormEvent, type ReactNode } from 'react';
import type { LogActReport } from '../api/schema';
import { ErrorNote } from './parts';
import { say } from './toast';

interface Props {
  title: string;
  action: string;
  danger?: boolean;
  /** Asked anew when it changes. */
  about: string;
  act: (body: { reason: string; preview: boolean }) => Promise<LogActReport>;
  close: () => void;
  children?: ReactNode;
}

export function Act({ title, action, danger, about, act, close, children }: Props) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const size = useQuery({
    queryKey: ['log-size', title, about],
    queryFn: () => act({ reason: '', preview: true }),
    staleTime: 0,
    gcTime: 0,
  });
  const ready = reason.trim() !== '' && !size.isError && !size.isPending;
  async function go(event: FormEvent) {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setError(null);
    try {
      await act({ reason: reason.trim(), preview: false });
      say(`${title}: done`);
      close();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  }
  return (
    <Modal opened onClose={close} title={<strong>{title}</strong>} lockScroll={false} centered>
      <form className="stack" onSubmit={(event) => void go(event)}>
        {children}
        {size.isPending && <div className="bone" />}
        {size.data && <p role="status">{size.data.sentence}</p>}
        {size.error && <ErrorNote what="This cannot be done" error={size.error} retry={() => void size.refetch()} />}
        <TextInput
          label="Reason"
          description="Kept in the audit trail"
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          autoComplete="off"
          maxLength={1000}
          data-autofocus
        />
        {error !== null && <ErrorNote what="It was not done" error={error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={close}>
            Leave it
          </Button>
          <Button type="submit" color={danger ? 'red' : 'blue'} disabled={!ready} loading={busy}>
            {action}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

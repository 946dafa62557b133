// Asks before something wide or irreversible, with its size first. A wide one wants a name typed.

import { Button, Modal, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { ErrorNote } from './parts';

export interface ConfirmProps {
  title: string;
  children: ReactNode;
  action: string;
  danger?: boolean;
  /** Must be typed exactly. */
  type?: string;
  act: () => Promise<unknown>;
  close: () => void;
}

export function Confirm({ title, children, action, danger, type, act, close }: ConfirmProps) {
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const ready = !type || typed.trim() === type.trim();
  async function go(event: React.FormEvent) {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setError(null);
    try {
      await act();
      close();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  }
  return (
    <Modal opened onClose={close} title={<strong>{title}</strong>} lockScroll={false} centered>
      <form className="stack" onSubmit={(event) => void go(event)}>
        <div className="stack tight">{children}</div>
        {type && (
          <TextInput
            label={
              <>
                Type <code>{type}</code> to go on
              </>
            }
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            data-autofocus
          />
        )}
        {error !== null && <ErrorNote what="It was not done" error={error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={close}>
            Leave it
          </Button>
          <Button
            type="submit"
            color={danger ? 'red' : 'blue'}
            disabled={!ready}
            loading={busy}
            data-autofocus={type ? undefined : true}
          >
            {action}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

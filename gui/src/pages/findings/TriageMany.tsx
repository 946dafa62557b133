// Says something of all findings that are shown, with their number first.

import { Button, Modal, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import * as logs from '../../api/logs';
import { get, type Query } from '../../api/request';
import type { LogFindingPage } from '../../api/schema';
import { FINDING_STATES } from '../../lib/logs';
import { count, plural } from '../../lib/text';
import { ErrorNote } from '../../ui/parts';
import { say } from '../../ui/toast';
import { VERDICTS } from './FindingFacts';

const MANY = 500;

export function TriageMany({ query, close }: { query: Query; close: () => void }) {
  const [state, setState] = useState('triaged');
  const [assignee, setAssignee] = useState('');
  const [verdict, setVerdict] = useState('');
  const [comment, setComment] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const found = useQuery({
    queryKey: ['log-size', 'triage', query],
    queryFn: ({ signal }) => get<LogFindingPage>('/log/findings', { ...query, limit: MANY }, signal),
    staleTime: 0,
    gcTime: 0,
  });
  const total = found.data?.total ?? 0;
  const ids = found.data?.items.map((f) => f.id) ?? [];
  const ready = ids.length > 0 && (state || assignee.trim() || verdict || comment.trim());
  async function go(event: FormEvent) {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setError(null);
    try {
      await logs.triage({
        findings: ids,
        state: state || undefined,
        assignee: assignee.trim() || undefined,
        verdict: verdict || undefined,
        comment: comment.trim() || undefined,
      });
      say(`${plural(ids.length, 'finding')} changed`);
      close();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  }
  return (
    <Modal opened onClose={close} title={<strong>Triage all shown</strong>} lockScroll={false} centered>
      <form className="stack" onSubmit={(event) => void go(event)}>
        {found.isPending && <div className="bone" />}
        {found.data && (
          <p role="status">
            {total === 0 ? (
              'No finding is shown.'
            ) : (
              <>
                This changes <b>{plural(ids.length, 'finding')}</b>
                {total > ids.length && ` of ${count(total)}: the first of this order`}.
              </>
            )}
          </p>
        )}
        {found.error && <ErrorNote what="Could not count them" error={found.error} />}
        <NativeSelect
          size="xs"
          label="State"
          value={state}
          onChange={(e) => setState(e.currentTarget.value)}
          data={[{ value: '', label: 'As it is' }, ...FINDING_STATES]}
          data-autofocus
        />
        <NativeSelect
          size="xs"
          label="Verdict"
          value={verdict}
          onChange={(e) => setVerdict(e.currentTarget.value)}
          data={[
            { value: '', label: 'As it is' },
            ...VERDICTS.map((value) => ({ value, label: value.replace('_', ' ') })),
          ]}
        />
        <TextInput
          label="With"
          value={assignee}
          onChange={(e) => setAssignee(e.currentTarget.value)}
          autoComplete="off"
        />
        <Textarea
          label="Comment"
          autosize
          minRows={2}
          value={comment}
          onChange={(e) => setComment(e.currentTarget.value)}
        />
        {error !== null && <ErrorNote what="They were not changed" error={error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={close}>
            Leave it
          </Button>
          <Button type="submit" disabled={!ready} loading={busy}>
            Change {ids.length > 0 ? plural(ids.length, 'finding') : ''}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

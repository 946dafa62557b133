// Reads a stretch of the past again: says what it would touch before it can be started.

import { Button, Modal, NativeSelect, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import * as logs from '../../api/logs';
import { ApiError } from '../../api/request';
import { bytes, count, plural } from '../../lib/text';
import { ErrorNote, Note, useSettled } from '../../ui/parts';
import { say } from '../../ui/toast';

const day = (daysAgo: number) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
/** From here on a name has to be typed. */
const MANY_WINDOWS = 10_000;

export function BackfillDialog(props: { rule?: string; tenant?: string; close: () => void }) {
  const [rule, setRule] = useState(props.rule ?? '');
  const [tenants, setTenants] = useState(props.tenant ?? '');
  const [from, setFrom] = useState(day(8));
  const [to, setTo] = useState(day(1));
  const [tell, setTell] = useState('digest');
  const [budget, setBudget] = useState('');
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const rules = useQuery(logs.rules({ limit: 1000 }));
  const wanted = {
    rule,
    tenants: tenants
      .split(/[\s,]+/)
      .map((t) => t.trim())
      .filter(Boolean),
    from,
    to,
    tell,
    bytes_max: budget.trim() || undefined,
  };
  const asked = useSettled(JSON.stringify(wanted), 350);
  const size = useQuery({
    queryKey: ['log-size', 'backfill', asked],
    queryFn: () => logs.backfill({ ...(JSON.parse(asked) as typeof wanted), reason: '', preview: true }),
    enabled: rule !== '',
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });
  const problems = size.error instanceof ApiError ? size.error.problems : [];
  const at = (field: string) => problems.find((p) => p.field === field)?.message;
  const wide = (size.data?.windows ?? 0) >= MANY_WINDOWS;
  const current = asked === JSON.stringify(wanted);
  const ready = !!size.data && current && reason.trim() !== '' && (!wide || typed.trim() === rule);
  async function go(event: FormEvent) {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setError(null);
    try {
      const made = await logs.backfill({ ...wanted, reason: reason.trim(), preview: false });
      say(`Backfill ${made.job ?? ''} was started`);
      props.close();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  }
  return (
    <Modal opened onClose={props.close} title={<strong>Read the past again</strong>} lockScroll={false} size="lg">
      <form className="stack" onSubmit={(event) => void go(event)}>
        <NativeSelect
          size="xs"
          label="Rule"
          value={rule}
          onChange={(e) => setRule(e.currentTarget.value)}
          data={[{ value: '', label: 'Choose a rule' }, ...(rules.data?.items ?? []).map((r) => r.name)]}
          data-autofocus
        />
        <TextInput
          label="Tenants"
          description="Names or patterns with *, separated by blanks; all that the rule runs at, when empty"
          value={tenants}
          onChange={(e) => setTenants(e.currentTarget.value)}
          error={at('tenants')}
        />
        <div className="row top">
          <TextInput
            className="grow"
            label="From"
            description="A day, or a moment in UTC"
            value={from}
            onChange={(e) => setFrom(e.currentTarget.value)}
            error={at('from')}
          />
          <TextInput
            className="grow"
            label="To"
            description="A day means to its end"
            value={to}
            onChange={(e) => setTo(e.currentTarget.value)}
            error={at('to')}
          />
        </div>
        <div className="row top">
          <NativeSelect
            size="xs"
            className="grow"
            label="Tell of new findings"
            value={tell}
            onChange={(e) => setTell(e.currentTarget.value)}
            data={[
              { value: 'digest', label: 'One message for each window' },
              { value: 'each', label: 'Each by itself' },
              { value: 'nothing', label: 'Nobody' },
            ]}
          />
          <TextInput
            className="grow"
            label="Read at most"
            placeholder="50GiB"
            value={budget}
            onChange={(e) => setBudget(e.currentTarget.value)}
            error={at('bytes_max')}
          />
        </div>
        <div role="status" aria-live="polite">
          {rule === '' && <p className="dim">Choose a rule to see what it would read.</p>}
          {rule !== '' && size.isFetching && !size.data && <div className="bone" />}
          {size.data && (
            <p>
              This will read <b>{plural(size.data.windows, 'window')}</b> of {plural(size.data.streams, 'stream')} at{' '}
              {plural(size.data.tenants, 'tenant')}
              {size.data.bytes !== null && size.data.bytes !== undefined ? (
                <>
                  , about <b>{bytes(size.data.bytes)}</b>
                  {size.data.estimated < size.data.streams && ` (asked of ${count(size.data.estimated)} streams)`}
                </>
              ) : (
                '; how many bytes, the engine cannot say'
              )}
              . It runs beside the live streams and gives way to them.
            </p>
          )}
          {size.error && problems.length === 0 && <ErrorNote what="It cannot be estimated" error={size.error} />}
        </div>
        {size.data?.problems.map((p, i) => (
          <Note key={i} tone="warn">
            {p.message}
          </Note>
        ))}
        <TextInput
          label="Reason"
          description="Kept in the audit trail"
          value={reason}
          onChange={(e) => setReason(e.currentTarget.value)}
          autoComplete="off"
        />
        {wide && (
          <TextInput
            label={
              <>
                Type <code>{rule}</code> to go on
              </>
            }
            value={typed}
            onChange={(e) => setTyped(e.currentTarget.value)}
            autoComplete="off"
          />
        )}
        {error !== null && <ErrorNote what="It was not started" error={error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={props.close}>
            Leave it
          </Button>
          <Button type="submit" disabled={!ready} loading={busy}>
            Start the backfill
          </Button>
        </div>
      </form>
    </Modal>
  );
}

// One entry of the monitoring table: which artifact, on whom, with what, within which limits.

import { Button, Modal, NativeSelect, NumberInput, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import * as ask from '../../api/monitoring';
import { artifacts, clients } from '../../api/queries';
import { ApiError } from '../../api/request';
import type { MonitoringEntryView, MonitoringLimits } from '../../api/schema';
import { plural } from '../../lib/text';
import { ParameterForm } from '../../ui/ParameterForm';
import { Bones, ErrorNote, Note, useSettled } from '../../ui/parts';
import { say } from '../../ui/toast';

export function EntryForm({ entry, close }: { entry?: MonitoringEntryView; close: () => void }) {
  const known = useQuery(artifacts());
  const names = (known.data ?? []).filter((a) => a.kind === 'client_event').map((a) => a.name);
  const [artifact, setArtifact] = useState(entry?.artifact ?? '');
  const [label, setLabel] = useState(entry?.label ?? '');
  const [parameters, setParameters] = useState<Record<string, string>>(entry?.parameters ?? {});
  const [limits, setLimits] = useState<MonitoringLimits>(entry?.limits ?? {});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const problems = error instanceof ApiError ? error.problems : [];
  const whom = label.trim() || undefined;
  async function save() {
    setBusy(true);
    setError(null);
    try {
      await ask.add({ artifact, label: whom, parameters, limits });
      // Under another label it is another entry: the one that was changed goes.
      if (entry && (entry.label ?? undefined) !== whom)
        await ask.remove({ artifact: entry.artifact, label: entry.label ?? undefined });
      say(`Monitored: ${artifact}`);
      close();
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
      size={860}
      title={<strong>{entry ? `Change ${entry.artifact}` : 'Monitor something'}</strong>}
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {known.isPending && <Bones lines={2} />}
        {known.isError && (
          <ErrorNote what="Could not load the artifacts" error={known.error} retry={() => void known.refetch()} />
        )}
        {known.data && names.length === 0 && (
          <Note tone="info" title="This server has no event artifact">
            <p>Put files of the kind CLIENT_EVENT into its artifact folder.</p>
          </Note>
        )}
        <div className="params">
          <NativeSelect
            size="xs"
            label="Event artifact"
            data-autofocus
            disabled={!!entry}
            value={artifact}
            onChange={(e) => {
              setArtifact(e.currentTarget.value);
              setParameters({});
            }}
            data={[{ value: '', label: 'Choose one' }, ...names]}
          />
          <TextInput
            label="On clients with the label"
            placeholder="empty for all clients"
            value={label}
            onChange={(e) => setLabel(e.currentTarget.value)}
          />
        </div>
        {artifact && (
          <ParameterForm
            key={artifact}
            call={{ name: artifact, parameters }}
            change={setParameters}
            problems={problems}
          />
        )}
        <Limits value={limits} change={setLimits} />
        {error !== null && <ErrorNote what="It was not changed" error={error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <span className="grow">
            <Size label={whom} />
          </span>
          <Button variant="default" onClick={close}>
            Leave it
          </Button>
          <Button type="submit" disabled={!artifact} loading={busy}>
            {entry ? 'Save' : 'Monitor it'}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

/** A wide action shows its size first. */
function Size({ label }: { label: string | undefined }) {
  const settled = useSettled(label, 300);
  const all = useQuery(clients({ label: settled, limit: 1 }));
  const online = useQuery(clients({ label: settled, online: true, limit: 1 }));
  if (!all.data || !online.data) return null;
  return (
    <span role="status">
      This will run on {plural(all.data.total, 'client')}, of which {online.data.total.toLocaleString('en-US')}{' '}
      {online.data.total === 1 ? 'is' : 'are'} online.
    </span>
  );
}

function Limits({ value, change }: { value: MonitoringLimits; change: (value: MonitoringLimits) => void }) {
  return (
    <div className="params">
      <TextInput
        label="Share of a processor"
        description="For each source, such as 5%; 0 for no limit"
        placeholder="as its author wishes"
        value={value.cpu ?? ''}
        onChange={(e) => change({ ...value, cpu: e.currentTarget.value || undefined })}
      />
      <NumberInput
        size="xs"
        label="Rows in a second"
        description="A source that gives more is slowed down; 0 for no limit"
        placeholder="as its author wishes"
        min={0}
        allowDecimal={false}
        value={value.rows_per_second ?? ''}
        onChange={(n) => change({ ...value, rows_per_second: typeof n === 'number' ? n : undefined })}
      />
      <TextInput
        label="Sent within"
        description="How long a row waits for others, such as 5s"
        placeholder="as its author wishes"
        value={value.batch_wait ?? ''}
        onChange={(e) => change({ ...value, batch_wait: e.currentTarget.value || undefined })}
      />
    </div>
  );
}

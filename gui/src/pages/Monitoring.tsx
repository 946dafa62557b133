// Which event artifacts run on which clients, all the time, and what do they bring?

import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { IconHeartbeat, IconPencil, IconPlus, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import * as ask from '../api/monitoring';
import { clients } from '../api/queries';
import type { MonitoringEntryView } from '../api/schema';
import { limitsSay } from '../lib/monitoring';
import { middle, plural } from '../lib/text';
import { Confirm } from '../ui/Confirm';
import { ArtifactLink } from '../ui/links';
import { apiUrl, Bones, CliFold, Empty, ErrorNote, Label, Note, useTitle } from '../ui/parts';
import { say } from '../ui/toast';
import { Arrived } from './monitoring/Arrived';

const EntryForm = lazy(() => import('./monitoring/EntryForm').then((m) => ({ default: m.EntryForm })));

export function Monitoring() {
  useTitle('Monitoring');
  const search = useSearch({ from: '/monitoring' });
  const navigate = useNavigate({ from: '/monitoring' });
  const { data, error, refetch } = useQuery({ ...ask.monitoring(), refetchInterval: 30_000 });
  const [form, setForm] = useState<'new' | MonitoringEntryView | null>(null);
  const [removing, setRemoving] = useState<MonitoringEntryView | null>(null);
  const broken = data?.entries.filter((entry) => entry.problem) ?? [];
  return (
    <div className="page">
      <header className="page-head">
        <div className="grow">
          <h1>Monitoring</h1>
          <p className="dim">
            Event artifacts that run on clients all the time. An agent keeps what it sees while it is away, and sends it
            later.
          </p>
        </div>
        <div className="actions">
          <Button leftSection={<IconPlus size={15} />} onClick={() => setForm('new')}>
            Monitor something
          </Button>
        </div>
      </header>
      {error && !data && (
        <ErrorNote what="Could not load what is monitored" error={error} retry={() => void refetch()} />
      )}
      {!data && !error && <Bones />}
      {broken.length > 0 && (
        <Note tone="warn" title={`${plural(broken.length, 'entry', 'entries')} cannot run as they are`}>
          <p>What is wrong stands with each of them below.</p>
        </Note>
      )}
      {data?.entries.length === 0 && (
        <Empty
          icon={IconHeartbeat}
          title="Nothing is monitored"
          cli="lycaon monitoring add Linux.Events.ProcessExecutions"
        >
          <p>Choose an event artifact, and on which clients it runs: on all, or on those with a label.</p>
          <Button onClick={() => setForm('new')}>Monitor something</Button>
        </Empty>
      )}
      {data && data.entries.length > 0 && (
        <section className="card stack tight">
          <div className="row">
            <h2 className="grow">{plural(data.entries.length, 'artifact')}</h2>
            <span className="dim">revision {data.revision}</span>
          </div>
          <div className="scroll-x" tabIndex={0} role="region" aria-label="What is monitored">
            <table className="glance loose">
              <thead>
                <tr>
                  <th>Artifact</th>
                  <th>On clients</th>
                  <th>Parameters</th>
                  <th>Limits</th>
                  <th style={{ width: 92 }}>
                    <span className="sr">What can be done</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.entries.map((entry) => (
                  <Entry
                    key={`${entry.label ?? ''} ${entry.artifact}`}
                    entry={entry}
                    edit={() => setForm(entry)}
                    remove={() => setRemoving(entry)}
                  />
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
      {data && data.entries.length > 0 && (
        <Arrived
          entries={data.entries}
          search={search}
          change={(part) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true })}
        />
      )}
      <CliFold
        cli={['lycaon monitoring show', 'lycaon monitoring add ARTIFACT --label LABEL']}
        api={[apiUrl('/monitoring')]}
      />
      {form !== null && (
        <Suspense fallback={null}>
          <EntryForm entry={form === 'new' ? undefined : form} close={() => setForm(null)} />
        </Suspense>
      )}
      {removing && <Remove entry={removing} close={() => setRemoving(null)} />}
    </div>
  );
}

function Entry({ entry, edit, remove }: { entry: MonitoringEntryView; edit: () => void; remove: () => void }) {
  const given = Object.entries(entry.parameters ?? {});
  const whom = entry.label ? `on clients with ${entry.label}` : 'on all clients';
  return (
    <tr>
      <td>
        <ArtifactLink name={entry.artifact} />
        {entry.problem && <p className="bad-text">{entry.problem}</p>}
      </td>
      <td>
        {entry.label ? (
          <Link to="/clients" search={{ label: entry.label }}>
            <Label text={entry.label} />
          </Link>
        ) : (
          'all'
        )}
      </td>
      <td>
        {given.length === 0 ? (
          <span className="dim">as its author set them</span>
        ) : (
          given.map(([name, value]) => (
            <div key={name} className="cell-pair" title={value}>
              <span className="dim">{name}</span> <code>{middle(value, 60)}</code>
            </div>
          ))
        )}
      </td>
      <td className="dim">{limitsSay(entry.limits)}</td>
      <td>
        <span className="row">
          <Tooltip label="Change it" withArrow>
            <ActionIcon variant="subtle" color="gray" aria-label={`Change ${entry.artifact} ${whom}`} onClick={edit}>
              <IconPencil size={15} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Monitor it no more" withArrow>
            <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${entry.artifact} ${whom}`} onClick={remove}>
              <IconTrash size={15} />
            </ActionIcon>
          </Tooltip>
        </span>
      </td>
    </tr>
  );
}

function Remove({ entry, close }: { entry: MonitoringEntryView; close: () => void }) {
  const label = entry.label ?? undefined;
  const concerned = useQuery(clients({ label, limit: 1 }));
  return (
    <Confirm
      title={`Monitor ${entry.artifact} no more?`}
      action="Remove"
      danger
      act={async () => {
        await ask.remove({ artifact: entry.artifact, label });
        say(`Monitored no more: ${entry.artifact}`);
      }}
      close={close}
    >
      <p>
        It ends on {concerned.data ? plural(concerned.data.total, 'client') : 'all clients'}
        {label ? ` with the label ${label}` : ''}, on those that are away as soon as they come back. What it has brought
        stays.
      </p>
    </Confirm>
  );
}

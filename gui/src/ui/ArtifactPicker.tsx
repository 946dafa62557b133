// What to collect: artifacts found by typing, the chosen ones each with its form.

import { Button, CloseButton, TextInput } from '@mantine/core';
import { IconPlus, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import * as ask from '../api/queries';
import type { ArtifactCall, ArtifactSummary, Problem } from '../api/schema';
import { ArtifactLink } from './links';
import { Bones, ErrorNote } from './parts';
import { ParameterForm } from './ParameterForm';

/** Better finds first: in the name, then in the sources, then in the description. Every word must be found. */
export function findArtifacts(all: ArtifactSummary[], text: string): ArtifactSummary[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const score = (a: ArtifactSummary) => {
    const name = a.name.toLowerCase();
    const rest = `${a.sources.join(' ')} ${a.summary}`.toLowerCase();
    if (!words.every((w) => name.includes(w) || rest.includes(w))) return -1;
    return words.filter((w) => name.includes(w)).length;
  };
  return all
    .map((a) => [a, score(a)] as const)
    .filter(([, s]) => s >= 0)
    .sort(([a, x], [b, y]) => y - x || (a.name < b.name ? -1 : 1))
    .map(([a]) => a);
}

interface Props {
  calls: ArtifactCall[];
  change: (calls: ArtifactCall[]) => void;
  problems?: Problem[];
}

export function ArtifactPicker({ calls, change, problems = [] }: Props) {
  const { data, isPending, error, refetch } = useQuery(ask.artifacts());
  const [text, setText] = useState('');
  const found = useMemo(
    () =>
      findArtifacts(
        (data ?? []).filter((a) => a.kind === 'client'),
        text,
      ),
    [data, text],
  );
  const chosen = new Set(calls.map((c) => c.name));
  const toggle = (name: string) =>
    change(chosen.has(name) ? calls.filter((c) => c.name !== name) : [...calls, { name, parameters: {} }]);
  return (
    <div className="split">
      <section className="card stack tight" aria-label="Find artifacts">
        <TextInput
          label="Find artifacts"
          type="search"
          data-autofocus
          placeholder="cron, users, network connections…"
          leftSection={<IconSearch size={14} />}
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key === 'Enter') {
              e.preventDefault();
              if (found[0] && !chosen.has(found[0].name)) toggle(found[0].name);
            }
          }}
        />
        {isPending && <Bones />}
        {error && <ErrorNote what="Could not load the artifacts" error={error} retry={() => void refetch()} />}
        {data && (
          <div className="pick" role="group" aria-label="Artifacts" tabIndex={-1}>
            {found.map((a) => (
              <button key={a.name} type="button" aria-pressed={chosen.has(a.name)} onClick={() => toggle(a.name)}>
                <span className="row">
                  <strong className="grow cut">{a.name}</strong>
                  {chosen.has(a.name) ? <span className="state good">chosen</span> : <IconPlus size={14} aria-hidden />}
                </span>
                <span className="dim">{a.summary}</span>
              </button>
            ))}
            {found.length === 0 && (
              <p style={{ padding: 10 }}>No client artifact has this in its name or description.</p>
            )}
          </div>
        )}
      </section>
      <div className="stack">
        {calls.length === 0 && (
          <section className="card">
            <p className="dim">Choose one artifact or several: each client collects all of them in one flow.</p>
          </section>
        )}
        {calls.map((call, i) => (
          <section key={call.name} className="card stack" aria-label={call.name}>
            <div className="row">
              <h2 className="grow">
                <ArtifactLink name={call.name} />
              </h2>
              {Object.keys(call.parameters ?? {}).length > 0 && (
                <Button
                  variant="subtle"
                  size="compact-xs"
                  onClick={() => change(calls.map((c) => (c.name === call.name ? { ...c, parameters: {} } : c)))}
                >
                  Back to defaults
                </Button>
              )}
              <CloseButton size="sm" aria-label={`Do not collect ${call.name}`} onClick={() => toggle(call.name)} />
            </div>
            <ParameterForm
              call={call}
              change={(parameters) => change(calls.map((c) => (c.name === call.name ? { ...c, parameters } : c)))}
              problems={problems.filter((p) => p.field.startsWith(`artifacts[${i}]`))}
            />
          </section>
        ))}
      </div>
    </div>
  );
}

// A new hunt in four steps: what to collect, from whom, how fast, and a last look at its size. Nothing typed is lost
// by going back, by a reload, or by a look at another page.

import { Button, TagsInput, Textarea, TextInput } from '@mantine/core';
import { IconArrowLeft, IconArrowRight, IconCheck, IconPlayerPlay } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import * as ask from '../api/queries';
import type { HuntRequest, Problem } from '../api/schema';
import { WIDE } from '../lib/pace';
import { emptyHunt, huntYaml, stepOfProblem, STEPS, tidy, type Step } from '../lib/draft';
import { ArtifactPicker } from '../ui/ArtifactPicker';
import { ConditionFields } from '../ui/ConditionFields';
import { Confirm } from '../ui/Confirm';
import { PaceFields, paceIsValid, paceOf } from '../ui/LimitFields';
import { Bones, CliLine, Copy, ErrorNote, Note, useSettled, useTitle } from '../ui/parts';
import { say } from '../ui/toast';
import { Calls } from './hunt/Overview';
import { Cohort, PreviewText } from './hunt/Preview';

const KEPT = 'lycaon.draft-hunt';

function keptDraft(): HuntRequest | null {
  try {
    const text = sessionStorage.getItem(KEPT);
    return text ? (JSON.parse(text) as HuntRequest) : null;
  } catch {
    return null;
  }
}

/** The draft, kept in this tab; started from an artifact, a client or another hunt when the address names one. */
function useDraft() {
  const search = useSearch({ from: '/hunts/new' });
  const navigate = useNavigate({ from: '/hunts/new' });
  const [draft, setDraft] = useState<HuntRequest>(() => {
    const base = search.artifact || search.client || search.copy ? emptyHunt() : (keptDraft() ?? emptyHunt());
    if (search.artifact) base.artifacts = [{ name: search.artifact, parameters: {} }];
    if (search.client) base.condition = { ...base.condition, include: { clients: [search.client] } };
    return base;
  });
  const copied = useQuery({ ...ask.hunt(search.copy ?? ''), enabled: !!search.copy });
  useEffect(() => {
    if (!copied.data) return;
    setDraft({ ...structuredClone(copied.data.spec), name: `${copied.data.spec.name} (again)`, start: false });
    void navigate({ search: (s) => ({ step: s.step }), replace: true });
  }, [copied.data, navigate]);
  useEffect(() => {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(draft));
    } catch {
      // Only the reload is lost.
    }
  }, [draft]);
  return { draft, setDraft, copied };
}

export function NewHunt() {
  useTitle('New hunt');
  const search = useSearch({ from: '/hunts/new' });
  const navigate = useNavigate({ from: '/hunts/new' });
  const { draft, setDraft, copied } = useDraft();
  const step = (STEPS.find((s) => s.id === search.step) ?? STEPS[0]!).id;
  const at = STEPS.findIndex((s) => s.id === step);
  const go = (to: Step) => void navigate({ search: { step: to } });
  const set = (part: Partial<HuntRequest>) => setDraft((d) => ({ ...d, ...part }));
  const settled = useSettled(draft, 400);
  const ready = settled.artifacts.length > 0;
  const preview = useQuery({
    queryKey: ['preview', tidy(settled)],
    queryFn: () => ask.previewHunt({ ...tidy(settled), name: settled.name.trim() || 'unnamed' }),
    enabled: ready,
    staleTime: 5000,
  });
  const problems = preview.data?.problems ?? [];
  return (
    <div className="page">
      <header className="page-head">
        <h1>New hunt</h1>
        <div className="actions">
          <Button
            variant="subtle"
            color="gray"
            onClick={() => {
              setDraft(emptyHunt());
              go('collect');
            }}
          >
            Begin anew
          </Button>
        </div>
      </header>
      <ol className="steps" aria-label="Steps">
        {STEPS.map((s, i) => (
          <li key={s.id} className={i < at ? 'done' : ''}>
            <button type="button" aria-current={s.id === step ? 'step' : undefined} onClick={() => go(s.id)}>
              <span className="n">{i < at ? <IconCheck size={13} /> : i + 1}</span>
              {s.title}
            </button>
          </li>
        ))}
      </ol>
      {copied.error && <ErrorNote what="Could not read the hunt to copy" error={copied.error} />}
      {step === 'collect' && (
        <ArtifactPicker calls={draft.artifacts} change={(artifacts) => set({ artifacts })} problems={problems} />
      )}
      {step === 'target' && (
        <>
          <ConditionFields value={draft.condition ?? {}} change={(condition) => set({ condition })} />
          {preview.data && <Cohort preview={preview.data} />}
        </>
      )}
      {step === 'pace' && (
        <section className="card">
          <PaceFields
            value={{ ...paceOf(draft), rate: draft.rate ?? '', expires: draft.expires ?? '' }}
            change={(pace) => set(pace)}
          />
        </section>
      )}
      {step === 'review' && <Review draft={draft} set={set} preview={preview} go={go} />}
      {step !== 'review' && (
        <div className="foot">
          {at > 0 && (
            <Button variant="default" leftSection={<IconArrowLeft size={14} />} onClick={() => go(STEPS[at - 1]!.id)}>
              Back
            </Button>
          )}
          <Button
            rightSection={<IconArrowRight size={14} />}
            onClick={() => go(STEPS[at + 1]!.id)}
            disabled={
              step === 'collect'
                ? draft.artifacts.length === 0
                : step === 'pace' &&
                  !paceIsValid({ ...paceOf(draft), rate: draft.rate ?? '', expires: draft.expires ?? '' })
            }
          >
            {STEPS[at + 1]!.title}
          </Button>
          <span className="dim grow" role="status">
            {preview.data && problems.length === 0 && <PreviewText preview={preview.data} rate="unlimited" />}
          </span>
        </div>
      )}
    </div>
  );
}

interface ReviewProps {
  draft: HuntRequest;
  set: (part: Partial<HuntRequest>) => void;
  preview: ReturnType<typeof useQuery<Awaited<ReturnType<typeof ask.previewHunt>>>>;
  go: (step: Step) => void;
}

function Review({ draft, set, preview, go }: ReviewProps) {
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const asked = preview.data?.asked ?? 0;
  const wide = asked > WIDE;
  const wrong = (preview.data?.problems ?? []).filter((p) => p.severity !== 'warning');
  const ready = draft.name.trim() !== '' && draft.artifacts.length > 0 && wrong.length === 0;
  async function make(start: boolean) {
    const made = await ask.createHunt({ ...tidy(draft), start });
    sessionStorage.removeItem(KEPT);
    say(start ? `Started: ${made.spec.name}` : `Made as a draft: ${made.spec.name}`);
    void navigate({ to: '/hunts/$hunt', params: { hunt: made.id }, search: {} });
  }
  async function makeDraft() {
    setBusy(true);
    setError(null);
    try {
      await make(false);
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  }
  const yaml = huntYaml(tidy(draft));
  return (
    <>
      <div className="grid2">
        <section className="card stack">
          <TextInput
            label="Name"
            description="What others see in the list"
            required
            autoFocus
            value={draft.name}
            onChange={(e) => set({ name: e.currentTarget.value })}
          />
          <TagsInput
            label="Tags"
            description="Words to find it by, and by which it may be kept longer or shorter"
            data={[]}
            splitChars={[',', ' ', ';']}
            value={draft.tags ?? []}
            onChange={(tags) => set({ tags })}
          />
          <Textarea
            label="Description"
            description="What it is for"
            rows={2}
            value={draft.description ?? ''}
            onChange={(e) => set({ description: e.currentTarget.value })}
          />
        </section>
        <section className="card stack tight" aria-live="polite">
          <h2>Its size</h2>
          {draft.artifacts.length === 0 && <p className="bad-text">It collects nothing yet.</p>}
          {preview.isFetching && !preview.data && <Bones lines={2} />}
          {preview.isError && (
            <ErrorNote
              what="Could not count who would be asked"
              error={preview.error}
              retry={() => void preview.refetch()}
            />
          )}
          {preview.data && <PreviewText preview={preview.data} rate={draft.rate ?? 'unlimited'} />}
          {preview.data && (draft.condition?.server || draft.condition?.client) && (
            <p className="dim">Who of them takes part is decided by the condition when they answer.</p>
          )}
        </section>
      </div>
      {preview.data && <Cohort preview={preview.data} />}
      {(preview.data?.problems ?? []).length > 0 && <Problems problems={preview.data!.problems} go={go} />}
      <section className="card">
        <div className="row">
          <h2 className="grow">What it collects</h2>
          <Button variant="subtle" size="compact-xs" onClick={() => go('collect')}>
            Change
          </Button>
        </div>
        <Calls calls={draft.artifacts} />
      </section>
      <section className="card stack tight">
        <div className="row">
          <h2 className="grow">The whole of it</h2>
          <Copy text={yaml} label="Copy as YAML" />
        </div>
        <pre className="code" tabIndex={0}>
          {yaml}
        </pre>
        <CliLine text="lycaon hunt create -f hunt.yaml" />
      </section>
      {error !== null && <ErrorNote what="The hunt was not made" error={error} />}
      <div className="foot">
        <Button variant="default" leftSection={<IconArrowLeft size={14} />} onClick={() => go('pace')}>
          Back
        </Button>
        <span className="grow" />
        {!draft.name.trim() && <span className="dim">It needs a name.</span>}
        <Button variant="default" disabled={!ready} loading={busy} onClick={() => void makeDraft()}>
          Make as draft
        </Button>
        <Button
          leftSection={<IconPlayerPlay size={14} />}
          disabled={!ready || !preview.data}
          onClick={() => setAsking(true)}
        >
          Start…
        </Button>
      </div>
      {asking && preview.data && (
        <Confirm
          title={`Start “${draft.name}”?`}
          action="Start"
          type={wide ? draft.name : undefined}
          act={() => make(true)}
          close={() => setAsking(false)}
        >
          <PreviewText preview={preview.data} rate={draft.rate ?? 'unlimited'} />
        </Confirm>
      )}
    </>
  );
}

function Problems({ problems, go }: { problems: Problem[]; go: (step: Step) => void }) {
  return (
    <Note tone={problems.some((p) => p.severity !== 'warning') ? 'bad' : 'warn'} title="Mend this first">
      {problems.map((p, i) => {
        const step = stepOfProblem(p.field);
        return (
          <p key={i}>
            {p.message} {p.hint && <span className="dim">{p.hint}</span>}{' '}
            {step && (
              <button type="button" className="linkish" onClick={() => go(step)}>
                Show
              </button>
            )}
          </p>
        );
      })}
    </Note>
  );
}

// How does this hunt stand, what has it found, and who is where in it?

import { ActionIcon, Button, Menu, Tooltip } from '@mantine/core';
import {
  IconCopy,
  IconCopyPlus,
  IconDotsVertical,
  IconHelpCircle,
  IconPencil,
  IconRepeat,
  IconTrash,
  IconUserPlus,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useState } from 'react';
import * as ask from '../api/queries';
import type { HuntView } from '../api/schema';
import { END_REASONS, PAUSE_REASONS } from '../lib/bounds';
import { recruitedOf } from '../lib/queues';
import { count, idKind, plural } from '../lib/text';
import { isVerb, VERBS, type Verb } from '../lib/verbs';
import { Confirm } from '../ui/Confirm';
import { Bones, Copy, ErrorNote, Moment, useTitle } from '../ui/parts';
import { FlowLink, HuntLink } from '../ui/links';
import { QueuePanel } from '../ui/QueueBar';
import { HuntState } from '../ui/State';
import { say, sayError } from '../ui/toast';
import { HuntCondition } from './hunt/Condition';
import { HuntMembers } from './hunt/Members';
import { HuntOverview } from './hunt/Overview';
import { HuntResults } from './hunt/Results';
import { HuntRounds } from './hunt/Rounds';
import { Stage } from './hunt/Stage';
import { Tags } from './hunt/Tags';
import { CHOOSE } from './hunt/choose';
import { StartQuestion } from './hunt/StartQuestion';

const ByHand = lazy(() => import('./hunt/ByHand').then((m) => ({ default: m.ByHand })));
const RetryFailed = lazy(() => import('./hunt/RetryFailed').then((m) => ({ default: m.RetryFailed })));
const EditHunt = lazy(() => import('./hunt/Edit').then((m) => ({ default: m.EditHunt })));
const WhyNot = lazy(() => import('./hunt/WhyNot').then((m) => ({ default: m.WhyNot })));

export type HuntSearch = ReturnType<typeof useHuntSearch>['search'];
export function useHuntSearch() {
  const search = useSearch({ from: '/hunts/$hunt' });
  const navigate = useNavigate({ from: '/hunts/$hunt' });
  const change = useCallback(
    (part: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true }),
    [navigate],
  );
  return { search, change };
}

const TABS = ['overview', 'members', 'results', 'rounds', 'condition'] as const;

export function HuntPage() {
  const { hunt: id } = useParams({ from: '/hunts/$hunt' });
  const { search, change } = useHuntSearch();
  const { data: hunt, error, refetch } = useQuery(ask.hunt(id));
  useTitle(hunt ? hunt.spec.name : 'Hunt');
  const tab = TABS.find((t) => t === search.tab) ?? 'overview';
  if (error && !hunt) {
    return (
      <div className="page">
        <header className="page-head">
          <h1>Hunt</h1>
        </header>
        <ErrorNote what="Could not load this hunt" error={error} retry={() => void refetch()} />
        <Link to="/hunts" search={{}}>
          All hunts
        </Link>
      </div>
    );
  }
  if (!hunt) {
    return (
      <div className="page">
        <Bones lines={6} />
      </div>
    );
  }
  // A hunt that asks once has no rounds, but can be compared with another.
  const recurring = hunt.spec.schedule || hunt.round > 1;
  const tabs = TABS.filter((t) => t !== 'rounds' || recurring || hunt.state !== 'draft');
  return (
    <div className={`page ${tab === 'members' || tab === 'results' ? 'fill' : ''}`}>
      <Head hunt={hunt} />
      <QueuePanel
        hunt={id}
        counts={hunt.counts}
        current={tab === 'members' ? search.queue : tab === 'results' ? 'results' : undefined}
      />
      <nav className="tabs" aria-label="Parts of this hunt">
        {tabs.map((t) => (
          <Link
            key={t}
            to="/hunts/$hunt"
            params={{ hunt: id }}
            search={t === 'overview' ? {} : { tab: t }}
            activeOptions={{ exact: true, includeSearch: true }}
            activeProps={{ 'aria-current': undefined }}
            aria-current={t === tab ? 'page' : undefined}
          >
            {t === 'rounds' && !recurring ? 'Compare' : t[0]!.toUpperCase() + t.slice(1)}
            {t === 'results' && <span className="badge lively">{count(hunt.rows)}</span>}
          </Link>
        ))}
      </nav>
      {tab === 'overview' && <HuntOverview hunt={hunt} />}
      {tab === 'members' && <HuntMembers hunt={hunt} search={search} change={change} />}
      {tab === 'results' && <HuntResults hunt={hunt} search={search} change={change} />}
      {tab === 'rounds' && <HuntRounds hunt={hunt} search={search} change={change} />}
      {tab === 'condition' && <HuntCondition hunt={hunt} />}
      {search.why !== undefined && (
        <Suspense fallback={null}>
          <WhyNot hunt={hunt} client={search.why} change={(why) => change({ why })} />
        </Suspense>
      )}
    </div>
  );
}

function Head({ hunt }: { hunt: HuntView }) {
  const { change } = useHuntSearch();
  const [asking, setAsking] = useState<Verb | null>(null);
  const [editing, setEditing] = useState(false);
  const [dialog, setDialog] = useState<'by-hand' | 'retry' | 'delete' | null>(null);
  const navigate = useNavigate();
  async function act(verb: Verb) {
    ask.rememberHunt(await ask.huntVerb(hunt.id, verb));
    void ask.queryClient.invalidateQueries({ queryKey: ['members', hunt.id] });
    void ask.queryClient.invalidateQueries({ queryKey: ['overview'] });
    say(`${VERBS[verb].label}: ${hunt.spec.name}`);
  }
  function want(verb: Verb) {
    if (VERBS[verb].confirm) setAsking(verb);
    else act(verb).catch((error: unknown) => sayError(`Could not ${verb} the hunt`, error));
  }
  const verbs = hunt.verbs.filter(isVerb);
  const main = verbs.filter((v) => v !== 'archive' && v !== 'widen');
  const over = ['stopped', 'completed', 'archived'].includes(hunt.state);
  async function copy() {
    const made = await ask.copyHunt(hunt.id, {});
    say(`Copied as a draft: ${made.spec.name}`);
    void navigate({ to: '/hunts/$hunt', params: { hunt: made.id }, search: {} });
  }
  return (
    <>
      <header className="page-head">
        <div className="grow">
          <div className="row wrap">
            <h1>Hunt: {hunt.spec.name}</h1>
            <HuntState state={hunt.state} pill />
            <Tags key={hunt.id} hunt={hunt} />
          </div>
          <div className="subline">
            <span className="row" style={{ gap: 2 }}>
              <code>{hunt.id}</code>
              <Copy text={hunt.id} label="Copy the id" size="xs" />
            </span>
            <span>
              by {hunt.creator}, {hunt.started ? 'started ' : 'made '}
              <Moment at={hunt.started ?? hunt.created} near />
            </span>
            {hunt.copied_from && <Lineage from={hunt.copied_from} revision={hunt.copied_revision ?? null} />}
            {hunt.round > 1 && <span>round {hunt.round}</span>}
            <Ending hunt={hunt} />
          </div>
        </div>
        <div className="actions">
          {main.map((verb) => (
            <Tooltip key={verb} label={VERBS[verb].says(hunt)} multiline w={280} withArrow>
              <Button
                variant={verb === 'start' || verb === 'resume' ? 'filled' : 'default'}
                className={VERBS[verb].danger ? 'danger' : ''}
                onClick={() => want(verb)}
              >
                {VERBS[verb].label}
              </Button>
            </Tooltip>
          ))}
          <Menu position="bottom-end" withinPortal shadow="md">
            <Menu.Target>
              <ActionIcon variant="default" size={30} aria-label="More actions">
                <IconDotsVertical size={16} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item leftSection={<IconHelpCircle size={15} />} onClick={() => change({ why: CHOOSE })}>
                Why is a client (not) in it?
              </Menu.Item>
              {!['archived', 'stopped', 'completed'].includes(hunt.state) && (
                <Menu.Item leftSection={<IconPencil size={15} />} onClick={() => setEditing(true)}>
                  Edit rate, limits, expiry
                </Menu.Item>
              )}
              <Menu.Item
                leftSection={<IconCopy size={15} />}
                component={Link}
                {...({ to: '/hunts/new', search: { copy: hunt.id } } as object)}
              >
                Make another like it
              </Menu.Item>
              <Menu.Item
                leftSection={<IconCopyPlus size={15} />}
                onClick={() => copy().catch((error: unknown) => sayError('Could not copy the hunt', error))}
              >
                Copy as it is
              </Menu.Item>
              {hunt.state !== 'draft' && !over && (
                <Menu.Item leftSection={<IconUserPlus size={15} />} onClick={() => setDialog('by-hand')}>
                  Put clients in or out
                </Menu.Item>
              )}
              {hunt.counts.failed > 0 && !over && (
                <Menu.Item leftSection={<IconRepeat size={15} />} onClick={() => setDialog('retry')}>
                  Run failed clients again
                </Menu.Item>
              )}
              <Menu.Item component="a" href={`/api/v1/hunts/${hunt.id}/export.zip`} download>
                Download everything (zip)
              </Menu.Item>
              {verbs.includes('archive') && <Menu.Item onClick={() => want('archive')}>Archive</Menu.Item>}
              {(over || hunt.state === 'draft') && (
                <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={() => setDialog('delete')}>
                  Delete
                </Menu.Item>
              )}
            </Menu.Dropdown>
          </Menu>
        </div>
        {asking === 'start' && <StartQuestion hunt={hunt} act={() => act('start')} close={() => setAsking(null)} />}
        {asking !== null && asking !== 'start' && (
          <Confirm
            title={`${VERBS[asking].label} “${hunt.spec.name}”?`}
            action={VERBS[asking].label}
            danger={VERBS[asking].danger}
            act={() => act(asking)}
            close={() => setAsking(null)}
          >
            <p>{VERBS[asking].says(hunt)}</p>
          </Confirm>
        )}
        <Suspense fallback={null}>
          {editing && <EditHunt hunt={hunt} close={() => setEditing(false)} />}
          {dialog === 'by-hand' && <ByHand hunt={hunt} close={() => setDialog(null)} />}
          {dialog === 'retry' && <RetryFailed hunt={hunt} close={() => setDialog(null)} />}
        </Suspense>
        {dialog === 'delete' && (
          <Confirm
            title={`Delete “${hunt.spec.name}”?`}
            action="Delete"
            danger
            type={hunt.rows + hunt.uploads > 0 ? hunt.spec.name : undefined}
            act={async () => {
              await ask.deleteHunt(hunt.id);
              void ask.queryClient.invalidateQueries({ queryKey: ['hunts'] });
              say(`Deleted: ${hunt.spec.name}`);
              void navigate({ to: '/hunts', search: {} });
            }}
            close={() => setDialog(null)}
          >
            <p>
              Its record of {plural(recruitedOf(hunt.counts) + hunt.counts.refused, 'client')},{' '}
              {plural(hunt.rows, 'row')} and {plural(hunt.uploads, 'file')} go for good. Who deleted it stays in the
              audit. This cannot be undone.
            </p>
          </Confirm>
        )}
      </header>
      <Stage hunt={hunt} want={want} />
    </>
  );
}

/** What it was made of. */
function Lineage({ from, revision }: { from: string; revision: number | null }) {
  return (
    <span>
      made of {idKind(from) === 'flow' ? <FlowLink id={from} /> : <HuntLink id={from} />}
      {revision ? `, revision ${revision}` : ''}
    </span>
  );
}

function Ending({ hunt }: { hunt: HuntView }) {
  if (hunt.ended) {
    return (
      <span>
        ended <Moment at={hunt.ended} near /> {END_REASONS[hunt.ended_reason ?? ''] ?? hunt.ended_reason ?? ''}
        {hunt.ended_by ? ` (${hunt.ended_by})` : ''}
      </span>
    );
  }
  const left = hunt.counts.pending + hunt.counts.running;
  return (
    <>
      {hunt.paused && (
        <span>
          paused <Moment at={hunt.paused} near /> {PAUSE_REASONS[hunt.paused_reason ?? ''] ?? hunt.paused_reason ?? ''}
          {hunt.paused_by ? ` (${hunt.paused_by})` : ''}
        </span>
      )}
      {left > 0 && <span className="lively">{plural(left, 'client')} still to answer</span>}
      {hunt.expires && (
        <span>
          ends by itself <Moment at={hunt.expires} near />
        </span>
      )}
    </>
  );
}

// Which rounds has a recurring hunt made, and what changed between two of them?

import { NativeSelect, TextInput } from '@mantine/core';
import { IconArrowsDiff, IconRepeat } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import * as ask from '../../api/queries';
import type { DiffLine } from '../../api/queries';
import type { HuntView, RoundView } from '../../api/schema';
import { scheduleSays } from '../../lib/bounds';
import { cellText, count, middle, plural } from '../../lib/text';
import { ClientLink } from '../../ui/links';
import { apiUrl, Bones, CliFold, Empty, ErrorNote, Moment, useSettled } from '../../ui/parts';
import { QueueBar } from '../../ui/QueueBar';
import type { HuntSearch } from '../Hunt';

/** So many differences are shown; the rest is in the download. */
const SHOWN = 500;

type Change = { search: HuntSearch; change: (part: Partial<HuntSearch>) => void };

export function HuntRounds({ hunt, search, change }: { hunt: HuntView } & Change) {
  const rounds = useQuery(ask.huntRounds(hunt.id));
  if (rounds.isPending) return <Bones />;
  if (!rounds.data)
    return <ErrorNote what="Could not load the rounds" error={rounds.error} retry={() => void rounds.refetch()} />;
  const items = [...rounds.data.items].reverse();
  return (
    <>
      <section className="card stack tight">
        <div className="row wrap">
          <h2 className="grow">{plural(rounds.data.total, 'round')}</h2>
          {hunt.spec.schedule && <span className="dim">asks {scheduleSays(hunt.spec.schedule)}</span>}
          {hunt.next_round && (
            <span className="dim">
              next <Moment at={hunt.next_round} near />
            </span>
          )}
        </div>
        {items.length === 0 ? (
          <Empty icon={IconRepeat} title="No round yet">
            <p>The first begins when the hunt is started.</p>
          </Empty>
        ) : (
          <table className="glance">
            <thead>
              <tr>
                <th>Round</th>
                <th>Began</th>
                <th>Queues</th>
                <th className="right">With results</th>
                <th className="right">Failed</th>
              </tr>
            </thead>
            <tbody>
              {items.map((round) => (
                <Round key={round.round} hunt={hunt} round={round} />
              ))}
            </tbody>
          </table>
        )}
      </section>
      {rounds.data.total > 1 && <Difference hunt={hunt} rounds={items} search={search} change={change} />}
    </>
  );
}

function Round({ hunt, round }: { hunt: HuntView; round: RoundView }) {
  return (
    <tr aria-current={round.round === hunt.round ? 'true' : undefined}>
      <td>
        {round.round}
        {round.round === hunt.round && <span className="badge">now</span>}
      </td>
      <td>
        <Moment at={round.tick} />
      </td>
      <td style={{ minWidth: 220 }}>
        <QueueBar hunt={hunt.id} counts={round.counts} size="mid" />
      </td>
      <td className="right num">{count(round.counts.results)}</td>
      <td className="right num">{count(round.counts.failed)}</td>
    </tr>
  );
}

const MARKS: Record<string, { sign: string; word: string }> = {
  new: { sign: '+', word: 'new' },
  gone: { sign: '−', word: 'gone' },
  changed: { sign: '~', word: 'changed' },
};

function Difference({ hunt, rounds, search, change }: { hunt: HuntView; rounds: RoundView[] } & Change) {
  const after = search.after ?? String(rounds[0]!.round);
  const before = search.before ?? String(Math.max(1, Number(after) - 1));
  const [key, setKey] = useState(search.key ?? '');
  const [ignore, setIgnore] = useState(search.ignore ?? '');
  const settled = useSettled({ key: key.trim(), ignore: ignore.trim() }, 500);
  const query = { before, after, key: settled.key || undefined, ignore: settled.ignore || undefined };
  const diff = useQuery({ ...ask.huntDiff(hunt.id, query, SHOWN), enabled: before !== after });
  const choices = rounds.map((r) => ({ value: String(r.round), label: `Round ${r.round}` }));
  const lines = diff.data?.lines ?? [];
  const of = (what: string) => lines.filter((line) => line.change === what).length;
  return (
    <section className="card stack tight" aria-label="What changed">
      <h2>What changed</h2>
      <div className="row wrap" style={{ alignItems: 'flex-end' }}>
        <NativeSelect
          label="From"
          value={before}
          onChange={(e) => change({ before: e.currentTarget.value })}
          data={choices}
        />
        <NativeSelect
          label="To"
          value={after}
          onChange={(e) => change({ after: e.currentTarget.value })}
          data={choices}
        />
        <TextInput
          label="Rows are told apart by"
          placeholder="the whole row"
          value={key}
          onChange={(e) => {
            setKey(e.currentTarget.value);
            change({ key: e.currentTarget.value || undefined });
          }}
        />
        <TextInput
          label="Leave out of it"
          placeholder="columns, with commas"
          value={ignore}
          onChange={(e) => {
            setIgnore(e.currentTarget.value);
            change({ ignore: e.currentTarget.value || undefined });
          }}
        />
      </div>
      {before === after ? (
        <p className="dim">Choose two rounds.</p>
      ) : diff.isPending ? (
        <Bones lines={3} />
      ) : !diff.data ? (
        <ErrorNote what="Could not compare the rounds" error={diff.error} retry={() => void diff.refetch()} />
      ) : lines.length === 0 ? (
        <Empty icon={IconArrowsDiff} title="Nothing changed">
          <p>Clients that answered in both rounds brought the same rows.</p>
        </Empty>
      ) : (
        <>
          <p role="status">
            <strong>{count(of('new'))}</strong> new, <strong>{count(of('gone'))}</strong> gone,{' '}
            <strong>{count(of('changed'))}</strong> changed
            {diff.data.more && ` among the first ${count(SHOWN)}`}
          </p>
          <div className="scroll-list" tabIndex={0} role="region" aria-label="Differences">
            <table className="glance diff">
              <thead>
                <tr>
                  <th>Change</th>
                  <th>Client</th>
                  <th>Source</th>
                  <th>Row</th>
                </tr>
              </thead>
              <tbody>
                {lines.map((line, i) => (
                  <Line key={i} line={line} />
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
      <CliFold
        cli={[`lycaon hunt diff ${hunt.id} --before ${before} --after ${after}`]}
        api={[apiUrl(`/hunts/${hunt.id}/diff?before=${before}&after=${after}`)]}
      />
    </section>
  );
}

function Line({ line }: { line: DiffLine }) {
  const mark = MARKS[line.change] ?? { sign: '?', word: line.change };
  const was = line.was ?? {};
  return (
    <tr className={`diff-${line.change}`}>
      <td className="nowrap">
        <span aria-hidden>{mark.sign}</span> {mark.word}
      </td>
      <td>
        <ClientLink id={line.client} name={line.hostname || undefined} />
      </td>
      <td>{line.source}</td>
      <td>
        {Object.entries(line.row).map(([name, value]) => (
          <span key={name} className="cell-pair" title={cellText(value)}>
            <span className="dim">{name}</span>{' '}
            {name in was && (
              <>
                <del>{middle(cellText(was[name]), 60)}</del>{' '}
              </>
            )}
            {name in was ? <ins>{middle(cellText(value), 60)}</ins> : middle(cellText(value), 60)}
          </span>
        ))}
        {Object.entries(was)
          .filter(([name]) => !(name in line.row))
          .map(([name, value]) => (
            <span key={name} className="cell-pair">
              <span className="dim">{name}</span> <del>{middle(cellText(value), 60)}</del>
            </span>
          ))}
      </td>
    </tr>
  );
}

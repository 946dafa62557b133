// What changed between two rounds of a hunt, or between a hunt and another: rows that are new, gone or different.

import { Button, NativeSelect, SegmentedControl, TagsInput, TextInput } from '@mantine/core';
import { IconArrowsDiff, IconDownload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import * as ask from '../../api/queries';
import type { DiffLine } from '../../api/queries';
import { API, queryText } from '../../api/request';
import type { HuntView, RoundView } from '../../api/schema';
import { cellText, count, idKind, middle, shellWord } from '../../lib/text';
import { ClientLink, HuntLink } from '../../ui/links';
import { apiUrl, Bones, CliFold, Empty, ErrorNote, useSettled } from '../../ui/parts';
import type { HuntSearch } from '../Hunt';

/** So many differences are shown; the rest is in the download. */
const SHOWN = 500;

const MARKS: Record<string, { sign: string; word: string }> = {
  new: { sign: '+', word: 'new' },
  gone: { sign: '−', word: 'gone' },
  changed: { sign: '~', word: 'changed' },
};

interface Props {
  hunt: HuntView;
  rounds: RoundView[];
  search: HuntSearch;
  change: (part: Partial<HuntSearch>) => void;
}

const names = (text: string | undefined) => (text ?? '').split(',').filter(Boolean);

/** What is compared with what, for the API; nothing when there are not two sides. */
function sides(search: HuntSearch, rounds: RoundView[], other: string | undefined) {
  const newest = rounds[0]?.round ?? 1;
  if (other) return { before: search.before ?? String(newest), with: other };
  if (rounds.length < 2) return null;
  const after = search.after ?? String(newest);
  const before = search.before ?? String(Math.max(1, Number(after) - 1));
  return before === after ? null : { before, after };
}

export function Difference({ hunt, rounds, search, change }: Props) {
  const other = search.with && idKind(search.with) === 'hunt' ? search.with.trim() : undefined;
  const pair = sides(search, rounds, other);
  const options = { key: search.key, ignore: search.ignore, source: search.source };
  const settled = useSettled({ ...pair, ...options }, 400);
  const diff = useQuery({ ...ask.huntDiff(hunt.id, settled, SHOWN), enabled: pair !== null });
  const all = diff.data?.lines ?? [];
  const lines = search.change ? all.filter((line) => line.change === search.change) : all;
  const of = (what: string) => all.filter((line) => line.change === what).length;
  const asked = queryText({ ...pair, ...options });
  return (
    <section className="card stack tight" aria-label="What changed">
      <h2>What changed</h2>
      <Choices hunt={hunt} rounds={rounds} search={search} change={change} />
      {!pair ? (
        <p className="dim">
          {rounds.length > 1 ? 'Choose two rounds.' : 'Name another hunt to see what it found that this one did not.'}
        </p>
      ) : diff.isPending ? (
        <Bones lines={3} />
      ) : !diff.data ? (
        <ErrorNote what="These rows could not be compared" error={diff.error} retry={() => void diff.refetch()} />
      ) : all.length === 0 ? (
        <Empty icon={IconArrowsDiff} title="Nothing changed">
          <p>Clients that answered on both sides brought the same rows.</p>
        </Empty>
      ) : (
        <>
          <div className="row wrap">
            <SegmentedControl
              size="xs"
              aria-label="Which changes"
              value={search.change ?? ''}
              onChange={(next) => change({ change: next || undefined })}
              data={[
                { value: '', label: `All ${count(all.length)}` },
                ...['new', 'gone', 'changed'].map((word) => ({ value: word, label: `${count(of(word))} ${word}` })),
              ]}
            />
            <span className="dim grow" role="status">
              {diff.data.more
                ? `These are the first ${count(SHOWN)} differences; the download has all of them.`
                : 'These are all differences.'}
              {other && (
                <>
                  {' '}
                  After is <HuntLink id={other} />.
                </>
              )}
            </span>
            <Button
              component="a"
              href={`${API}/hunts/${hunt.id}/diff${asked}`}
              download={`${hunt.id}-changes.jsonl`}
              variant="default"
              leftSection={<IconDownload size={14} />}
            >
              All differences as JSON lines
            </Button>
          </div>
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
        cli={[
          other
            ? `lycaon hunt diff ${hunt.id} ${other}`
            : `lycaon hunt diff ${hunt.id}${pair ? ` --before ${pair.before} --after ${pair.after}` : ''}${
                options.key ? ` --key ${shellWord(options.key)}` : ''
              }`,
        ]}
        api={[apiUrl(`/hunts/${hunt.id}/diff${asked}`)]}
      />
    </section>
  );
}

function Choices({ hunt, rounds, search, change }: Props) {
  const sources = useQuery(ask.huntSources(hunt.id));
  const [other, setOther] = useState(search.with ?? '');
  const wrong = other !== '' && idKind(other) !== 'hunt';
  const choices = rounds.map((r) => ({ value: String(r.round), label: `Round ${r.round}` }));
  const newest = String(rounds[0]?.round ?? 1);
  const after = search.after ?? newest;
  const before = search.before ?? (search.with ? newest : String(Math.max(1, Number(after) - 1)));
  const columns = [
    ...new Set(
      (sources.data ?? []).filter((s) => !search.source || s.source === search.source).flatMap((s) => s.columns),
    ),
  ];
  return (
    <div className="params">
      {rounds.length > 1 && (
        <NativeSelect
          size="xs"
          label="From"
          value={before}
          onChange={(e) => change({ before: e.currentTarget.value })}
          data={choices}
        />
      )}
      {rounds.length > 1 && !search.with && (
        <NativeSelect
          size="xs"
          label="To"
          value={after}
          onChange={(e) => change({ after: e.currentTarget.value })}
          data={choices}
        />
      )}
      <TextInput
        size="xs"
        label={rounds.length > 1 ? 'Or to another hunt' : 'With the hunt'}
        placeholder="H.…"
        value={other}
        error={wrong && 'The id of a hunt begins with H.'}
        onChange={(e) => {
          const text = e.currentTarget.value.trim();
          setOther(text);
          change({ with: idKind(text) === 'hunt' ? text : undefined });
        }}
      />
      {(sources.data?.length ?? 0) > 1 && (
        <NativeSelect
          size="xs"
          label="Source"
          value={search.source ?? ''}
          onChange={(e) => change({ source: e.currentTarget.value || undefined })}
          data={[{ value: '', label: 'All sources' }, ...sources.data!.map((s) => s.source)]}
        />
      )}
      <TagsInput
        size="xs"
        label="A row is known by"
        placeholder={search.key ? '' : 'all its columns'}
        data={columns}
        value={names(search.key)}
        onChange={(list) => change({ key: list.join(',') || undefined })}
      />
      <TagsInput
        size="xs"
        label="Leave out"
        placeholder={search.ignore ? '' : 'columns that do not count'}
        data={columns}
        value={names(search.ignore)}
        onChange={(list) => change({ ignore: list.join(',') || undefined })}
      />
    </div>
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

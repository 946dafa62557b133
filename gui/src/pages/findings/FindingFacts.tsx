// One finding: what it is, its row as a tree, who has it, what people said.

import { Autocomplete, Button, NativeSelect, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { whoami } from '../../api/queries';
import * as logs from '../../api/logs';
import type { LogFindingView, LogTriage } from '../../api/schema';
import { FINDING_STATES } from '../../lib/logs';
import { JsonTree } from '../../ui/JsonTree';
import { FindingLink, RuleLink, SeverityMark, StreamLink, Techniques, TenantLink, WindowLink } from '../../ui/logs';
import { Bones, Copy, ErrorNote, Moment } from '../../ui/parts';
import { say, sayError } from '../../ui/toast';

export const VERDICTS = ['true_positive', 'benign', 'false_positive', 'duplicate', 'inconclusive'];

export function FindingFacts({ id, alone }: { id: string; alone?: boolean }) {
  const { data, error, refetch } = useQuery(logs.finding(id));
  if (error && !data)
    return <ErrorNote what="Could not load this finding" error={error} retry={() => void refetch()} />;
  if (!data) return <Bones lines={6} />;
  return (
    <div className="stack tight">
      <strong>{data.title}</strong>
      <div className="row wrap">
        <SeverityMark state={data.severity} pill />
        <Techniques ids={data.attack} />
        {data.late && <span className="label">late</span>}
        {data.suppressed_by && <span className="label">suppressed</span>}
      </div>
      <Triage key={data.id} finding={data} />
      <section aria-label="The row">
        <div className="row">
          <strong className="grow">Row</strong>
          <Copy text={() => JSON.stringify(data.row, null, 2)} label="Copy the row as JSON" />
        </div>
        <div className="tree">
          <JsonTree value={data.row} />
        </div>
      </section>
      <Facts finding={data} alone={alone} />
    </div>
  );
}

function Triage({ finding }: { finding: LogFindingView }) {
  const me = useQuery(whoami());
  const [comment, setComment] = useState('');
  const [assignee, setAssignee] = useState(finding.assignee ?? '');
  const [busy, setBusy] = useState(false);
  useEffect(() => setAssignee(finding.assignee ?? ''), [finding.assignee]);
  async function change(part: Omit<LogTriage, 'findings'>, what: string) {
    setBusy(true);
    try {
      await logs.triage({ findings: [finding.id], ...part });
      say(what);
      setComment('');
    } catch (error) {
      sayError('The finding was not changed', error);
    }
    setBusy(false);
  }
  const user = me.data?.user;
  return (
    <section className="stack tight triage" aria-label="Triage">
      <div className="row top wrap">
        <NativeSelect
          size="xs"
          label="State"
          value={finding.state}
          disabled={busy}
          onChange={(e) => void change({ state: e.currentTarget.value }, `It is ${e.currentTarget.value} now`)}
          data={[...FINDING_STATES]}
        />
        <NativeSelect
          size="xs"
          label="Verdict"
          value={finding.verdict ?? ''}
          disabled={busy}
          onChange={(e) => void change({ verdict: e.currentTarget.value }, 'The verdict is kept')}
          data={[
            { value: '', label: 'none yet' },
            ...[...new Set([...VERDICTS, ...(finding.verdict ? [finding.verdict] : [])])].map((value) => ({
              value,
              label: value.replace('_', ' '),
            })),
          ]}
        />
      </div>
      <form
        className="row with-field"
        onSubmit={(event) => {
          event.preventDefault();
          void change(
            { assignee: assignee.trim() },
            assignee.trim() ? `It is with ${assignee.trim()} now` : 'Nobody has it now',
          );
        }}
      >
        <Autocomplete
          size="xs"
          className="grow"
          label="With"
          placeholder="nobody"
          data={user ? [user] : []}
          value={assignee}
          onChange={setAssignee}
        />
        <Button
          type="submit"
          size="xs"
          variant="default"
          disabled={busy || assignee.trim() === (finding.assignee ?? '')}
        >
          Assign
        </Button>
        {user && finding.assignee !== user && (
          <Button
            size="xs"
            variant="default"
            disabled={busy}
            onClick={() =>
              void change(
                { assignee: user, state: finding.state === 'new' ? 'triaged' : undefined },
                'It is with you now',
              )
            }
          >
            Take it
          </Button>
        )}
      </form>
      {finding.comments.map((c, i) => (
        <div key={i} className="comment">
          <span className="dim">
            {c.actor}, <Moment at={c.at} near />
          </span>
          <p>{c.text}</p>
        </div>
      ))}
      <form
        className="stack tight"
        onSubmit={(event) => {
          event.preventDefault();
          if (comment.trim()) void change({ comment: comment.trim() }, 'The comment is kept');
        }}
      >
        <Textarea
          size="xs"
          label="Comment"
          autosize
          minRows={2}
          value={comment}
          onChange={(e) => setComment(e.currentTarget.value)}
        />
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button type="submit" size="xs" variant="default" disabled={busy || !comment.trim()}>
            Comment
          </Button>
        </div>
      </form>
    </section>
  );
}

function Facts({ finding: f, alone }: { finding: LogFindingView; alone?: boolean }) {
  return (
    <dl className="facts">
      <dt>Happened</dt>
      <dd>
        <Moment at={f.instant} />
      </dd>
      <dt>Stored</dt>
      <dd>
        <Moment at={f.found_at} />
      </dd>
      <dt>Tenant</dt>
      <dd>
        <TenantLink name={f.tenant} />
      </dd>
      <dt>Rule</dt>
      <dd>
        <RuleLink name={f.rule} />
      </dd>
      <dt>Stream</dt>
      <dd>
        <StreamLink at={f} text={f.dataset} />
      </dd>
      <dt>Window</dt>
      <dd>
        <WindowLink id={f.window} text={`${f.window_from} to ${f.window_to}`} />
      </dd>
      <dt>Revision</dt>
      <dd>
        <code>{f.revision_first}</code>
        {f.revision_last !== f.revision_first && (
          <>
            , last <code>{f.revision_last}</code>
          </>
        )}
      </dd>
      <dt>Told</dt>
      <dd>
        {f.notified
          ? 'yes'
          : f.suppressed_by
            ? 'no, an exception holds'
            : f.bucket
              ? 'no, another one of its group was'
              : 'no'}
      </dd>
      {f.suppressed_by && (
        <>
          <dt>Exception</dt>
          <dd className="mono">{f.suppressed_by}</dd>
        </>
      )}
      {f.bucket && (
        <>
          <dt>Group</dt>
          <dd className="mono">{f.bucket}</dd>
        </>
      )}
      <dt>Id</dt>
      <dd className="row">
        {alone ? <code className="cut">{f.id}</code> : <FindingLink id={f.id} />}
        <Copy text={f.id} label="Copy the id" size="xs" />
      </dd>
    </dl>
  );
}

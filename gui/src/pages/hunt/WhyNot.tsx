// Why is this client in the hunt, or why not? Always answerable.

import { Modal, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import * as ask from '../../api/queries';
import type { HuntView } from '../../api/schema';
import { idKind } from '../../lib/text';
import { ClientLink, FlowLink } from '../../ui/links';
import { Bones, CliLine, ErrorNote, Moment, useSettled } from '../../ui/parts';
import { MemberState, Online } from '../../ui/State';
import { CHOOSE } from './choose';

const VERDICTS: Record<string, string> = {
  member: 'It is in the hunt',
  refused: 'It does not match',
  asked: 'It was asked and has not answered',
  not_seen: 'It has not been seen since the start',
  not_asked: 'It has not been asked',
};

export function WhyNot({
  hunt,
  client,
  change,
}: {
  hunt: HuntView;
  client: string;
  change: (client: string | undefined) => void;
}) {
  return (
    <Modal
      opened
      onClose={() => change(undefined)}
      lockScroll={false}
      size="lg"
      title={<strong>Why is this client (not) in “{hunt.spec.name}”?</strong>}
    >
      {client !== CHOOSE ? (
        <Answer hunt={hunt.id} client={client} other={() => change(CHOOSE)} />
      ) : (
        <Choose choose={change} />
      )}
    </Modal>
  );
}

function Choose({ choose }: { choose: (id: string) => void }) {
  const [text, setText] = useState('');
  const settled = useSettled(text.trim());
  const found = useQuery({ ...ask.clients({ search: settled, limit: 8 }), enabled: settled.length > 0 });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (idKind(text) === 'client') choose(text.trim());
        else if (found.data?.items[0]) choose(found.data.items[0].id);
      }}
    >
      <TextInput
        data-autofocus
        label="Client"
        placeholder="Name, address or id"
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
      />
      {settled && found.isPending && <Bones lines={2} />}
      {found.isError && <ErrorNote what="Could not search" error={found.error} />}
      {settled && found.data && (
        <div className="pick">
          {found.data.items.map((c) => (
            <button key={c.id} type="button" onClick={() => choose(c.id)}>
              <span className="row">
                <strong className="grow cut">{c.hostname || c.id}</strong>
                <Online online={c.online} revoked={!!c.revoked_at} />
              </span>
            </button>
          ))}
          {found.data.items.length === 0 && (
            <p style={{ padding: 10 }}>No client like this has enrolled: that is why.</p>
          )}
        </div>
      )}
    </form>
  );
}

function Answer({ hunt, client, other }: { hunt: string; client: string; other: () => void }) {
  const { data, isPending, error, refetch } = useQuery(ask.why(hunt, client));
  const who = useQuery(ask.client(client));
  if (isPending) return <Bones lines={3} />;
  if (!data) return <ErrorNote what="Could not find out" error={error} retry={() => void refetch()} />;
  return (
    <div className="stack">
      <div className="row wrap">
        <ClientLink id={client} name={who.data?.hostname} />
        {who.data && <Online online={who.data.online} revoked={!!who.data.revoked_at} />}
        <button type="button" className="linkish" onClick={other}>
          another client
        </button>
      </div>
      <div>
        <h2>{VERDICTS[data.verdict] ?? data.verdict}</h2>
        <p>{data.explanation}</p>
        {data.next && <p>{data.next}</p>}
      </div>
      {data.member && (
        <dl className="facts">
          <dt>Queue</dt>
          <dd>
            <MemberState state={data.member.state} />
          </dd>
          {data.member.reason && (
            <>
              <dt>Reason</dt>
              <dd>{data.member.reason}</dd>
            </>
          )}
          {data.member.flow && (
            <>
              <dt>Flow</dt>
              <dd>
                <FlowLink id={data.member.flow} />, attempt {data.member.attempt}
              </dd>
            </>
          )}
          <dt>Decided</dt>
          <dd>
            <Moment at={data.member.decided} /> under revision {data.member.revision}
          </dd>
          <dt>Changed</dt>
          <dd>
            <Moment at={data.member.updated} />
          </dd>
        </dl>
      )}
      <CliLine text={`lycaon hunt why ${hunt} ${client}`} />
    </div>
  );
}

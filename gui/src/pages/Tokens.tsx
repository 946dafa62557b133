// With which tokens may new agents enrol?

import { Button, Modal, NumberInput, TagsInput, TextInput } from '@mantine/core';
import { IconKey, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import * as ask from '../api/queries';
import type { TokenView } from '../api/schema';
import { validDuration } from '../lib/pace';
import { count, plural } from '../lib/text';
import { Confirm } from '../ui/Confirm';
import { apiUrl, Bones, CliFold, Copy, Empty, ErrorNote, Labels, Moment, Note, useTitle } from '../ui/parts';
import { say } from '../ui/toast';

const again = () => ask.queryClient.invalidateQueries({ queryKey: ['tokens'] });

function standing(t: TokenView): [word: string, usable: boolean] {
  if (t.revoked) return ['withdrawn', false];
  if (new Date(t.expires).getTime() < Date.now()) return ['expired', false];
  if (t.uses >= t.uses_max) return ['used up', false];
  return ['usable', true];
}

export function Tokens() {
  useTitle('Enrolment');
  const { data, error, refetch } = useQuery(ask.tokens());
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<TokenView | null>(null);
  return (
    <div className="page">
      <header className="page-head">
        <div className="grow">
          <h1>Enrolment tokens</h1>
          <p className="dim">
            An agent needs one once, to get its certificate. Labels of the token become labels of the client.
          </p>
        </div>
        <div className="actions">
          <Button leftSection={<IconPlus size={15} />} onClick={() => setMaking(true)}>
            New token
          </Button>
        </div>
      </header>
      {error && !data && <ErrorNote what="Could not load the tokens" error={error} retry={() => void refetch()} />}
      {!data && !error && <Bones />}
      {data?.length === 0 && (
        <Empty icon={IconKey} title="No token yet">
          <p>Make one, put it into an agent's configuration, and the agent enrols by itself.</p>
          <Button onClick={() => setMaking(true)}>Make a token</Button>
        </Empty>
      )}
      {data && data.length > 0 && (
        <section className="card scroll-x" tabIndex={0} role="region" aria-label="Tokens">
          <table className="glance tokens">
            <thead>
              <tr>
                <th>Token</th>
                <th>State</th>
                <th>Used</th>
                <th>Labels</th>
                <th>Ends</th>
                <th>
                  <span className="sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.map((t) => {
                const [word, usable] = standing(t);
                return (
                  <tr key={t.id}>
                    <td>
                      <code>{t.id}</code>
                    </td>
                    <td className={usable ? '' : 'dim'}>{word}</td>
                    <td className="num">
                      {count(t.uses)} of {count(t.uses_max)}
                    </td>
                    <td>
                      <Labels items={t.labels} />
                    </td>
                    <td>
                      <Moment at={t.expires} />
                    </td>
                    <td>
                      {usable && (
                        <Button variant="subtle" size="compact-xs" color="red" onClick={() => setRevoking(t)}>
                          Withdraw
                        </Button>
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </section>
      )}
      <CliFold api={[apiUrl('/tokens')]} />
      {making && <Make close={() => setMaking(false)} />}
      {revoking && (
        <Confirm
          title="Withdraw this token?"
          action="Withdraw"
          danger
          act={async () => {
            await ask.revokeToken(revoking.id);
            await again();
            say('The token is withdrawn');
          }}
          close={() => setRevoking(null)}
        >
          <p>
            {plural(revoking.uses_max - revoking.uses, 'use')} {revoking.uses_max - revoking.uses === 1 ? 'is' : 'are'}{' '}
            lost. The {plural(revoking.uses, 'client')} that enrolled with it {revoking.uses === 1 ? 'stays' : 'stay'}.
          </p>
        </Confirm>
      )}
    </div>
  );
}

function Make({ close }: { close: () => void }) {
  const [labels, setLabels] = useState<string[]>([]);
  const [after, setAfter] = useState('1d');
  const [uses, setUses] = useState<string | number>(10);
  const [made, setMade] = useState<TokenView | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function go(event: React.FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      setMade(await ask.createToken({ labels, expires_after: after.trim(), uses_max: Math.max(1, Number(uses) || 1) }));
      void again();
    } catch (cause) {
      setError(cause);
    }
    setBusy(false);
  }
  if (made) {
    return (
      <Modal
        opened
        onClose={close}
        lockScroll={false}
        closeOnClickOutside={false}
        title={<strong>The new token</strong>}
      >
        <div className="stack">
          <Note tone="warn" title="It is shown only now">
            <p>Copy it before you close this: the server keeps only its hash.</p>
          </Note>
          <div className="cli">
            <code tabIndex={0} data-token>
              {made.token}
            </code>
            <Copy text={made.token ?? ''} label="Copy the token" />
          </div>
          <Button onClick={close}>I have it</Button>
        </div>
      </Modal>
    );
  }
  return (
    <Modal opened onClose={close} lockScroll={false} title={<strong>New enrolment token</strong>}>
      <form className="stack" onSubmit={(event) => void go(event)}>
        <TextInput
          label="May be used for"
          description="Such as 1h or 7d"
          value={after}
          onChange={(e) => setAfter(e.currentTarget.value)}
          error={!validDuration(after) && 'A duration, such as 1d'}
          data-autofocus
        />
        <NumberInput
          label="How often"
          description="Clients that may enrol with it"
          min={1}
          thousandSeparator=","
          value={uses}
          onChange={setUses}
        />
        <TagsInput
          label="Labels"
          description="Every client that enrols with it gets them"
          data={[]}
          splitChars={[',', ' ']}
          value={labels}
          onChange={setLabels}
        />
        {error !== null && <ErrorNote what="The token was not made" error={error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={close}>
            Leave it
          </Button>
          <Button type="submit" loading={busy} disabled={!validDuration(after)}>
            Make
          </Button>
        </div>
      </form>
    </Modal>
  );
}

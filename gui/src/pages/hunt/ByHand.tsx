// Puts clients into a hunt by hand, or takes out those that still wait: a list in, one line of outcome for each.

import { Button, Modal, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import * as ask from '../../api/queries';
import type { HuntView, RosterReply } from '../../api/schema';
import { plural } from '../../lib/text';
import { Paste } from '../../ui/ClientList';
import { ClientLink } from '../../ui/links';
import { CliLine, ErrorNote, Note } from '../../ui/parts';

const SHOWN = 200;

export function ByHand({ hunt, close }: { hunt: HuntView; close: () => void }) {
  const [what, setWhat] = useState<'add' | 'remove'>('add');
  const [reply, setReply] = useState<RosterReply | null>(null);
  const [error, setError] = useState<unknown>(null);
  async function act(clients: string[]) {
    setError(null);
    try {
      setReply(await (what === 'add' ? ask.addMembers : ask.removeMembers)(hunt.id, { clients }));
      void ask.queryClient.invalidateQueries({ queryKey: ['members', hunt.id] });
      void ask.queryClient.invalidateQueries({ queryKey: ['hunt', hunt.id] });
    } catch (cause) {
      setError(cause);
    }
  }
  return (
    <Modal
      opened
      onClose={close}
      lockScroll={false}
      size="lg"
      title={<strong>Clients of “{hunt.spec.name}” by hand</strong>}
    >
      <div className="stack">
        {!reply && (
          <>
            <SegmentedControl
              aria-label="What to do"
              value={what}
              onChange={(next) => setWhat(next as 'add' | 'remove')}
              data={[
                { value: 'add', label: 'Put in' },
                { value: 'remove', label: 'Take out' },
              ]}
            />
            <p className="dim">
              {what === 'add'
                ? 'They take part whatever the condition says, within rate and limits. Who has begun or finished stays as it is.'
                : 'Only clients that still wait are taken out. Who has begun goes on.'}
            </p>
            <Paste action={what === 'add' ? 'Put in' : 'Take out'} add={(clients) => void act(clients)} />
          </>
        )}
        {error !== null && <ErrorNote what="Nothing was changed" error={error} />}
        {reply && <Outcome reply={reply} again={() => setReply(null)} close={close} />}
        <CliLine text={`lycaon hunt ${what === 'add' ? 'add' : 'remove'} ${hunt.id} CLIENT…`} />
      </div>
    </Modal>
  );
}

function Outcome({ reply, again, close }: { reply: RosterReply; again: () => void; close: () => void }) {
  const stays = reply.items.length - reply.changed;
  return (
    <>
      <Note tone={reply.changed > 0 ? 'good' : 'info'} title={`${plural(reply.changed, 'client')} changed`}>
        {stays > 0 && <p>{plural(stays, 'client')} stayed as before; each line says why.</p>}
      </Note>
      <div className="scroll-list">
        <table className="glance">
          <thead>
            <tr>
              <th>Client</th>
              <th>Outcome</th>
              <th>Why</th>
            </tr>
          </thead>
          <tbody>
            {reply.items.slice(0, SHOWN).map((one) => (
              <tr key={one.client}>
                <td>
                  <ClientLink id={one.client} name={one.hostname || undefined} />
                </td>
                <td>{one.outcome}</td>
                <td>{one.explanation}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {reply.items.length > SHOWN && <p className="dim">and {plural(reply.items.length - SHOWN, 'client')} more</p>}
      <div className="row" style={{ justifyContent: 'flex-end' }}>
        <Button variant="default" onClick={again}>
          More
        </Button>
        <Button onClick={close}>Done</Button>
      </div>
    </>
  );
}

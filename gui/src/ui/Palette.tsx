// One box for commands and for everything that has a name or an id.

import { Modal, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import {
  IconArrowRight,
  IconBuilding,
  IconDeviceDesktop,
  IconFileSearch,
  IconFileText,
  IconHash,
  IconHistory,
  IconMoon,
  IconPlus,
  IconTargetArrow,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState, type ComponentType, type KeyboardEvent } from 'react';
import * as logs from '../api/logs';
import * as ask from '../api/queries';
import { idKind } from '../lib/text';
import { GO_KEYS } from './keys';
import { useSettled } from './parts';
import { HuntState, Online } from './State';

interface Choice {
  key: string;
  group: string;
  icon: ComponentType<{ 'aria-hidden'?: boolean }>;
  text: string;
  more?: React.ReactNode;
  act: () => void;
}

function useChoices(text: string, settled: string): { choices: Choice[]; busy: boolean } {
  const navigate = useNavigate();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  const wanted = settled.trim();
  const on = wanted.length >= 2;
  const hunts = useQuery({ ...ask.hunts({ search: wanted, limit: 6 }), enabled: on });
  const clients = useQuery({ ...ask.clients({ search: wanted, limit: 6 }), enabled: on });
  const artifacts = useQuery(ask.artifacts());
  const rules = useQuery({
    ...logs.rules({ search: wanted, limit: 6 }),
    enabled: on,
    refetchInterval: false,
    retry: false,
  });
  const tenants = useQuery({
    ...logs.tenants({ search: wanted, limit: 6 }),
    enabled: on,
    refetchInterval: false,
    retry: false,
  });

  const has = (s: string) => s.toLowerCase().includes(text.trim().toLowerCase());
  const choices: Choice[] = [];
  const kind = idKind(text);
  const id = text.trim();
  if (kind) {
    const act = {
      client: () => void navigate({ to: '/clients/$client', params: { client: id }, search: {} }),
      flow: () => void navigate({ to: '/flows/$flow', params: { flow: id }, search: {} }),
      hunt: () => void navigate({ to: '/hunts/$hunt', params: { hunt: id }, search: {} }),
      finding: () => void navigate({ to: '/findings/$finding', params: { finding: id } }),
      window: () => void navigate({ to: '/log/windows/$window', params: { window: id } }),
    }[kind];
    choices.push({ key: 'id', group: 'Go to', icon: IconHash, text: `${kind} ${id}`, act });
  }
  const commands: Choice[] = [
    {
      key: 'new',
      group: 'Commands',
      icon: IconPlus,
      text: 'New hunt',
      more: <kbd>n</kbd>,
      act: () => void navigate({ to: '/hunts/new', search: {} }),
    },
    ...Object.entries(GO_KEYS).map(([key, [to, label]]) => ({
      key: to,
      group: 'Commands',
      icon: IconArrowRight,
      text: `Go to ${label}`,
      more: <kbd>g {key}</kbd>,
      act: () => void navigate({ to, search: {} }),
    })),
    {
      key: 'backfill',
      group: 'Commands',
      icon: IconHistory,
      text: 'Backfill: read the past again with a rule',
      act: () => void navigate({ to: '/log', search: { backfill: '*' } }),
    },
    {
      key: 'trouble',
      group: 'Commands',
      icon: IconArrowRight,
      text: 'Streams that need a look',
      act: () => void navigate({ to: '/log', search: { tab: 'streams', state: 'trouble' } }),
    },
    {
      key: 'scheme',
      group: 'Commands',
      icon: IconMoon,
      text: `Use ${scheme === 'dark' ? 'light' : 'dark'} colours`,
      act: () => setColorScheme(scheme === 'dark' ? 'light' : 'dark'),
    },
  ];
  choices.push(...commands.filter((c) => has(c.text)));
  if (on) {
    for (const h of hunts.data?.items ?? []) {
      choices.push({
        key: h.id,
        group: 'Hunts',
        icon: IconTargetArrow,
        text: h.spec.name,
        more: <HuntState state={h.state} />,
        act: () => void navigate({ to: '/hunts/$hunt', params: { hunt: h.id }, search: {} }),
      });
    }
    for (const c of clients.data?.items ?? []) {
      choices.push({
        key: c.id,
        group: 'Clients',
        icon: IconDeviceDesktop,
        text: c.hostname || c.id,
        more: <Online online={c.online} />,
        act: () => void navigate({ to: '/clients/$client', params: { client: c.id }, search: {} }),
      });
    }
  }
  if (on) {
    // A server without log hunts refuses; then there are none.
    for (const r of rules.data?.items ?? []) {
      choices.push({
        key: `rule ${r.name}`,
        group: 'Rules',
        icon: IconFileSearch,
        text: r.name,
        more: <span className="dim cut">{r.title}</span>,
        act: () => void navigate({ to: '/log/rules/$rule', params: { rule: r.name }, search: {} }),
      });
    }
    for (const t of tenants.data?.items ?? []) {
      choices.push({
        key: `tenant ${t.name}`,
        group: 'Tenants',
        icon: IconBuilding,
        text: t.name,
        act: () => void navigate({ to: '/log/tenants/$tenant', params: { tenant: t.name }, search: {} }),
      });
    }
  }
  if (text.trim().length >= 2) {
    const found = (artifacts.data ?? []).filter((a) => has(a.name) || has(a.summary)).slice(0, 6);
    for (const a of found) {
      choices.push({
        key: a.name,
        group: 'Artifacts',
        icon: IconFileText,
        text: a.name,
        act: () => void navigate({ to: '/artifacts/$name', params: { name: a.name } }),
      });
    }
  }
  return { choices, busy: on && (hunts.isFetching || clients.isFetching) };
}

export function Palette({ close }: { close: () => void }) {
  const [text, setText] = useState('');
  const settled = useSettled(text, 180);
  const { choices, busy } = useChoices(text, settled);
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => setAt(0), [text]);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  const chosen = Math.min(at, choices.length - 1);
  function take(choice: Choice | undefined) {
    if (!choice) return;
    close();
    choice.act();
  }
  function onKey(event: KeyboardEvent) {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setAt((chosen + step + choices.length) % Math.max(1, choices.length));
    } else if (event.key === 'Enter') {
      event.preventDefault();
      take(choices[chosen]);
    }
  }
  return (
    <Modal.Root opened onClose={close} size={560} lockScroll={false} yOffset="12vh" transitionProps={{ duration: 80 }}>
      <Modal.Overlay />
      <Modal.Content aria-label="Search and commands">
        <div className="palette">
          <input
            data-autofocus
            type="text"
            role="combobox"
            aria-expanded="true"
            aria-controls="palette-list"
            aria-activedescendant={chosen >= 0 ? `palette-${chosen}` : undefined}
            aria-label="Search hunts, clients, artifacts, commands"
            placeholder="Search, or paste an id"
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            onKeyDown={onKey}
          />
          <div role="listbox" id="palette-list" ref={list} aria-label="Found">
            {choices.map((choice, i) => (
              <div key={choice.key} role="presentation">
                {choices[i - 1]?.group !== choice.group && (
                  <div className="group" role="presentation">
                    {choice.group}
                  </div>
                )}
                <div
                  id={`palette-${i}`}
                  role="option"
                  aria-selected={i === chosen}
                  onMouseMove={() => setAt(i)}
                  onClick={() => take(choice)}
                >
                  <choice.icon aria-hidden />
                  <span className="grow cut">{choice.text}</span>
                  {choice.more}
                </div>
              </div>
            ))}
            {choices.length === 0 && (
              <p className="group">{busy ? 'Searching…' : 'Nothing has this in its name or id.'}</p>
            )}
          </div>
        </div>
      </Modal.Content>
    </Modal.Root>
  );
}

// What ends, repeats or holds back a hunt: budgets, failures, canaries, repetition, rounds. Each is off until somebody
// wants it, and says in a sentence what it will do.

import { Button, Checkbox, CloseButton, NativeSelect, NumberInput, SegmentedControl, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import type { HuntBudgets, HuntCanary, HuntSchedule, RetryRule, StopWhen } from '../api/schema';
import { canarySays, FAILURE_CLASSES, stopSays, validCron } from '../lib/bounds';
import { validDuration, validPercent, validSize } from '../lib/pace';
import { scheduleSays, windowSays } from '../lib/schedule';

export const whole = (value: string | number) => (value === '' ? 0 : Math.max(0, Math.floor(Number(value) || 0)));

type Field<T> = { value: T; change: (value: T) => void };

export function BudgetFields({ value, change }: Field<Partial<HuntBudgets>>) {
  const set = (part: Partial<HuntBudgets>) => change({ ...value, ...part });
  return (
    <div className="params">
      <NumberInput
        label="Rows"
        description="Of all clients; 0 for no limit"
        min={0}
        thousandSeparator=","
        value={value.rows ?? 0}
        onChange={(n) => set({ rows: whole(n) })}
      />
      <TextInput
        label="Files"
        description="Bytes, such as 50GiB; 0 for no limit"
        value={value.upload_bytes ?? '0'}
        onChange={(e) => set({ upload_bytes: e.currentTarget.value })}
        error={!validSize(value.upload_bytes ?? '0') && 'A size, such as 50GiB'}
      />
      <NumberInput
        label="Processor time"
        description="Seconds on all clients; 0 for no limit"
        min={0}
        thousandSeparator=","
        value={value.cpu_seconds ?? 0}
        onChange={(n) => set({ cpu_seconds: whole(n) })}
      />
    </div>
  );
}

export function StopWhenFields({ value, change }: Field<StopWhen | null | undefined>) {
  return (
    <fieldset className="plain stack tight">
      <legend className="sr-only">End it when clients fail</legend>
      <Checkbox
        label="End it when too many clients fail"
        checked={!!value}
        onChange={(e) => change(e.currentTarget.checked ? { failed_share: '20%', after_clients: 50 } : null)}
      />
      {value && (
        <>
          <div className="params">
            <TextInput
              label="Share that fails"
              description="Of the clients that have finished"
              value={value.failed_share}
              onChange={(e) => change({ ...value, failed_share: e.currentTarget.value })}
              error={!validPercent(value.failed_share) && 'A share, such as 20%'}
            />
            <NumberInput
              label="Not before"
              description="So many clients have finished"
              min={0}
              value={value.after_clients ?? 0}
              onChange={(n) => change({ ...value, after_clients: whole(n) })}
            />
          </div>
          <p className="dim">{stopSays(value)}</p>
        </>
      )}
    </fieldset>
  );
}

export function CanaryFields({ value, change }: Field<HuntCanary | null | undefined>) {
  return (
    <fieldset className="plain stack tight">
      <legend className="sr-only">Try it on a few first</legend>
      <Checkbox
        label="Try it on a few clients first"
        checked={!!value}
        onChange={(e) => change(e.currentTarget.checked ? { clients: 10, then: 'gate' } : null)}
      />
      {value && (
        <>
          <div className="row wrap" style={{ alignItems: 'flex-end' }}>
            <NumberInput
              label="Clients"
              w={120}
              min={1}
              value={value.clients}
              onChange={(n) => change({ ...value, clients: Math.max(1, whole(n)) })}
            />
            <SegmentedControl
              aria-label="Then"
              value={value.then ?? 'gate'}
              onChange={(then) => change({ ...value, then })}
              data={[
                { value: 'gate', label: 'Then ask a person' },
                { value: 'auto', label: 'Then go on when all is well' },
              ]}
            />
          </div>
          <p className="dim">{canarySays(value)}</p>
        </>
      )}
    </fieldset>
  );
}

export function RetryFields({ value, change }: Field<Record<string, RetryRule> | undefined>) {
  const rules = Object.entries(value ?? {});
  const free = FAILURE_CLASSES.filter((one) => !(value ?? {})[one.name]);
  const put = (name: string, rule: RetryRule) => change({ ...value, [name]: rule });
  return (
    <div className="stack tight">
      <p className="dim">
        An agent that was restarted runs once more, and one that ran out of time once more with twice the time. Others
        are repeated by hand, or as said here.
      </p>
      {rules.map(([name, rule]) => (
        <div key={name} className="row wrap" style={{ alignItems: 'flex-end' }}>
          <NativeSelect
            label="When it fails like this"
            value={name}
            onChange={(e) => {
              const next = { ...value };
              delete next[name];
              change({ ...next, [e.currentTarget.value]: rule });
            }}
            data={FAILURE_CLASSES.filter((one) => one.name === name || free.includes(one)).map((one) => ({
              value: one.name,
              label: one.label,
            }))}
          />
          <NumberInput
            label="Repeat"
            w={90}
            min={0}
            max={20}
            value={rule.times}
            onChange={(n) => put(name, { ...rule, times: whole(n) })}
          />
          <TextInput
            label="With this much of the limit"
            w={170}
            value={rule.limit ?? '100%'}
            onChange={(e) => put(name, { ...rule, limit: e.currentTarget.value })}
            error={!validPercent(rule.limit ?? '100%') && 'Such as 200%'}
          />
          <CloseButton
            aria-label={`Forget the rule for ${name}`}
            onClick={() => {
              const next = { ...value };
              delete next[name];
              change(next);
            }}
          />
        </div>
      ))}
      {free.length > 0 && (
        <div>
          <Button
            variant="default"
            size="compact-sm"
            leftSection={<IconPlus size={13} />}
            onClick={() => put(free[0]!.name, { times: 1, limit: '100%' })}
          >
            Repeat another failure
          </Button>
        </div>
      )}
    </div>
  );
}

export function ScheduleFields({ value, change }: Field<HuntSchedule | null | undefined>) {
  const kind = !value ? 'once' : value.cron != null ? 'cron' : 'every';
  const rest = { buffer: value?.buffer ?? '1m', ...(value?.first && { first: value.first }) };
  return (
    <div className="stack tight">
      <SegmentedControl
        aria-label="How often it asks"
        value={kind}
        onChange={(next) =>
          change(next === 'once' ? null : next === 'cron' ? { ...rest, cron: '0 3 * * *' } : { ...rest, every: '24h' })
        }
        data={[
          { value: 'once', label: 'Once' },
          { value: 'every', label: 'Again and again' },
          { value: 'cron', label: 'By the clock' },
        ]}
      />
      {value && (
        <>
          <div className="params">
            {kind === 'every' ? (
              <TextInput
                label="Every"
                description="Counted from the start, such as 6h"
                value={value.every ?? ''}
                onChange={(e) => change({ ...rest, every: e.currentTarget.value })}
                error={!validDuration(value.every ?? '') && 'A duration, such as 6h'}
              />
            ) : (
              <TextInput
                label="Cron"
                description="Minute, hour, day, month, weekday; UTC"
                value={value.cron ?? ''}
                onChange={(e) => change({ ...rest, cron: e.currentTarget.value })}
                error={!validCron(value.cron ?? '') && 'Five fields, such as 0 3 * * *'}
              />
            )}
            <TextInput
              label="Buffer"
              description="A window ends so long before the client's clock"
              value={value.buffer ?? '1m'}
              onChange={(e) => change({ ...value, buffer: e.currentTarget.value })}
              error={!validDuration(value.buffer ?? '1m') && 'A duration, such as 1m'}
            />
            <TextInput
              label="First window"
              description="How far back; empty for everything"
              value={value.first ?? ''}
              onChange={(e) => change({ ...value, first: e.currentTarget.value || null })}
              error={!!value.first && !validDuration(value.first) && 'A duration, such as 7d'}
            />
          </div>
          <p role="status">
            {(kind === 'cron' ? validCron(value.cron ?? '') : validDuration(value.every ?? ''))
              ? `It asks ${scheduleSays(value)}. ${windowSays(value)}`
              : ''}
          </p>
          <p className="dim">
            Each time is a round with queues and rows of its own, and two rounds can be compared. A client that was away
            for several rounds answers once, for all of the time between.
          </p>
        </>
      )}
    </div>
  );
}

// Rate, limits and expiry of a hunt; also the per-client limits of a single flow.

import { NumberInput, TextInput } from '@mantine/core';
import type { FlowLimits, HuntCanary, HuntLimits, HuntRequest, HuntSchedule, RetryRule } from '../api/schema';
import { validCron } from '../lib/bounds';
import { validDuration, validPercent, validRate, validShare, validSize } from '../lib/pace';
import { BudgetFields, CanaryFields, RetryFields, ScheduleFields, StopWhenFields, whole } from './BoundFields';

export const FLOW_LIMITS: Required<FlowLimits> = {
  rows: 1_000_000,
  upload_bytes: '1GiB',
  cpu: '0',
  timeout: '10m',
  progress_timeout: '0s',
};

export function FlowLimitFields({ value, change }: { value: FlowLimits; change: (value: FlowLimits) => void }) {
  const v = { ...FLOW_LIMITS, ...value };
  const set = (part: Partial<FlowLimits>) => change({ ...v, ...part });
  return (
    <div className="params">
      <NumberInput
        label="Rows"
        description="0 for no limit"
        min={0}
        thousandSeparator=","
        value={v.rows}
        onChange={(n) => set({ rows: whole(n) })}
      />
      <TextInput
        label="Files"
        description="Bytes, such as 500MiB; 0 for no limit"
        value={v.upload_bytes}
        onChange={(e) => set({ upload_bytes: e.currentTarget.value })}
        error={!validSize(v.upload_bytes) && 'A size, such as 500MiB'}
      />
      <TextInput
        label="Processor"
        description="Share of one processor, such as 50%; 0 for no limit"
        value={v.cpu}
        onChange={(e) => set({ cpu: e.currentTarget.value })}
        error={!validShare(v.cpu) && 'A share, such as 50%, or 0'}
      />
      <TextInput
        label="Time"
        description="From delivery to the agent"
        value={v.timeout}
        onChange={(e) => set({ timeout: e.currentTarget.value })}
        error={!validDuration(v.timeout) && 'A duration, such as 10m'}
      />
      <TextInput
        label="Time without progress"
        description="0s for no limit"
        value={v.progress_timeout}
        onChange={(e) => set({ progress_timeout: e.currentTarget.value })}
        error={!validDuration(v.progress_timeout) && 'A duration, such as 2m'}
      />
    </div>
  );
}

export interface Pace {
  rate: string;
  expires: string;
  limits: HuntLimits;
  canary?: HuntCanary | null;
  retry?: Record<string, RetryRule>;
  schedule?: HuntSchedule | null;
}

/** What of a request is about its pace. */
export const paceOf = (hunt: Partial<HuntRequest>): Pace => ({
  rate: hunt.rate ?? 'unlimited',
  expires: hunt.expires ?? '7d',
  limits: hunt.limits ?? {},
  canary: hunt.canary ?? null,
  retry: hunt.retry ?? {},
  schedule: hunt.schedule ?? null,
});

const boundsAreValid = ({ limits, retry, schedule }: Pace) =>
  validSize(limits.total?.upload_bytes ?? '0') &&
  (!limits.stop_when || validPercent(limits.stop_when.failed_share)) &&
  Object.values(retry ?? {}).every((rule) => validPercent(rule.limit ?? '100%')) &&
  (!schedule ||
    ((schedule.cron != null ? validCron(schedule.cron) : validDuration(schedule.every ?? '')) &&
      validDuration(schedule.buffer ?? '1m') &&
      (!schedule.first || validDuration(schedule.first))));

export const paceIsValid = (pace: Pace) => {
  const per = { ...FLOW_LIMITS, ...pace.limits.per_client };
  return (
    boundsAreValid(pace) &&
    validRate(pace.rate) &&
    validDuration(pace.expires) &&
    validSize(per.upload_bytes) &&
    validShare(per.cpu) &&
    validDuration(per.timeout) &&
    validDuration(per.progress_timeout)
  );
};

export function PaceFields({
  value,
  change,
  begun,
}: {
  value: Pace;
  change: (value: Pace) => void;
  /** The hunt has begun: what only makes sense before is left out. */
  begun?: boolean;
}) {
  const set = (part: Partial<Pace>) => change({ ...value, ...part });
  const limits = (part: Partial<HuntLimits>) => set({ limits: { ...value.limits, ...part } });
  return (
    <div className="stack">
      <div className="params">
        <TextInput
          label="Rate"
          description="Clients that begin: 20/min, 100/h, unlimited"
          value={value.rate}
          onChange={(e) => set({ rate: e.currentTarget.value })}
          error={!validRate(value.rate) && 'Such as 20/min, or unlimited'}
        />
        <TextInput
          label="Recruits for"
          description="Counted from the start, such as 7d"
          value={value.expires}
          onChange={(e) => set({ expires: e.currentTarget.value })}
          error={!validDuration(value.expires) && 'A duration, such as 7d'}
        />
        <NumberInput
          label="Clients in all"
          description="0 for no limit"
          min={0}
          thousandSeparator=","
          value={value.limits.clients ?? 0}
          onChange={(n) => limits({ clients: whole(n) })}
        />
        <NumberInput
          label="Running at once"
          description="0 for no limit"
          min={0}
          thousandSeparator=","
          value={value.limits.running ?? 0}
          onChange={(n) => limits({ running: whole(n) })}
        />
      </div>
      <h3>What each client may use</h3>
      <FlowLimitFields value={value.limits.per_client ?? {}} change={(per_client) => limits({ per_client })} />
      <h3>What all of them together may use</h3>
      <BudgetFields
        value={value.limits.total ?? {}}
        change={(total) =>
          limits({ total: { rows: 0, upload_bytes: '0', cpu_seconds: 0, ...value.limits.total, ...total } })
        }
      />
      <h3>When it goes wrong</h3>
      {!begun && <CanaryFields value={value.canary} change={(canary) => set({ canary })} />}
      <StopWhenFields value={value.limits.stop_when} change={(stop_when) => limits({ stop_when })} />
      <RetryFields value={value.retry} change={(retry) => set({ retry })} />
      <h3>How often it asks</h3>
      <ScheduleFields value={value.schedule} change={(schedule) => set({ schedule })} />
    </div>
  );
}

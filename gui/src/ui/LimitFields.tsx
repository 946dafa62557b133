// Rate, limits and expiry of a hunt; also the per-client limits of a single flow.

import { NumberInput, TextInput } from '@mantine/core';
import type { FlowLimits, HuntLimits } from '../api/schema';
import { validDuration, validRate, validShare, validSize } from '../lib/pace';

export const FLOW_LIMITS: Required<FlowLimits> = {
  rows: 1_000_000,
  upload_bytes: '1GiB',
  cpu: '0',
  timeout: '10m',
  progress_timeout: '0s',
};

const whole = (value: string | number) => (value === '' ? 0 : Math.max(0, Math.floor(Number(value) || 0)));

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
}

export const paceIsValid = (pace: Pace) => {
  const per = { ...FLOW_LIMITS, ...pace.limits.per_client };
  return (
    validRate(pace.rate) &&
    validDuration(pace.expires) &&
    validSize(per.upload_bytes) &&
    validShare(per.cpu) &&
    validDuration(per.timeout) &&
    validDuration(per.progress_timeout)
  );
};

export function PaceFields({ value, change }: { value: Pace; change: (value: Pace) => void }) {
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
    </div>
  );
}

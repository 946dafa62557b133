// A hunt that is being made: its empty form, its steps, what is sent, and how it looks as `hunt.yaml`.

import type { ClientFilter, HuntLimits, HuntRequest, HuntSchedule } from '../api/schema';

export type Step = 'collect' | 'target' | 'pace' | 'review';
export const STEPS: { id: Step; title: string }[] = [
  { id: 'collect', title: 'What to collect' },
  { id: 'target', title: 'From whom' },
  { id: 'pace', title: 'Pace and limits' },
  { id: 'review', title: 'Review' },
];

export const emptyHunt = (): HuntRequest => ({
  name: '',
  description: '',
  artifacts: [],
  condition: {},
  rate: '100/min',
  limits: {},
  expires: '7d',
  start: false,
});

function tidyFilter(filter: ClientFilter | undefined): ClientFilter | undefined {
  const out: ClientFilter = {};
  if (filter?.labels?.length) out.labels = filter.labels;
  if (filter?.os && filter.os !== 'any') out.os = filter.os;
  if (filter?.clients?.length) out.clients = filter.clients;
  return Object.keys(out).length ? out : undefined;
}

/** Limits without budgets and stops that nobody set. */
function tidyLimits({ total, stop_when, ...limits }: HuntLimits): HuntLimits {
  const bounded = total && (total.rows || total.cpu_seconds || !/^0\s*B?$/i.test(total.upload_bytes ?? '0'));
  return { ...limits, ...(bounded && { total }), ...(stop_when && { stop_when }) };
}

const tidySchedule = ({ every, cron, buffer, first }: HuntSchedule): HuntSchedule => ({
  ...(cron ? { cron } : { every }),
  ...(buffer && { buffer }),
  ...(first && { first }),
});

/** Without the parts that say nothing. */
export function tidy(draft: HuntRequest): HuntRequest {
  const condition = {
    ...(draft.condition?.client?.trim() && { client: draft.condition.client }),
    ...(draft.condition?.server?.trim() && { server: draft.condition.server }),
    ...(tidyFilter(draft.condition?.include) && { include: tidyFilter(draft.condition?.include) }),
    ...(tidyFilter(draft.condition?.exclude) && { exclude: tidyFilter(draft.condition?.exclude) }),
  };
  return {
    name: draft.name.trim(),
    ...(draft.description?.trim() && { description: draft.description.trim() }),
    artifacts: draft.artifacts.map((a) => (Object.keys(a.parameters ?? {}).length ? a : { name: a.name })),
    ...(Object.keys(condition).length && { condition }),
    rate: draft.rate?.trim(),
    ...(Object.keys(draft.limits ?? {}).length && { limits: tidyLimits(draft.limits!) }),
    expires: draft.expires?.trim(),
    ...(draft.tags?.length && { tags: draft.tags }),
    ...(draft.canary && { canary: draft.canary }),
    ...(Object.keys(draft.retry ?? {}).length && { retry: draft.retry }),
    ...(draft.schedule && { schedule: tidySchedule(draft.schedule) }),
  };
}

/** The step on which a problem can be mended. */
export function stepOfProblem(field: string): Step | null {
  if (field.startsWith('artifacts')) return 'collect';
  if (field.startsWith('condition')) return 'target';
  if (/^(rate|limits|expires|canary|retry|schedule)/.test(field)) return 'pace';
  return null;
}

const plainWord = (text: string) =>
  /^[A-Za-z_/][\w ./*()-]*$/.test(text) &&
  !/^(true|false|null|yes|no|y|n|on|off|~)$/i.test(text) &&
  text === text.trim();

function scalar(value: unknown, pad: string): string {
  if (typeof value !== 'string') return String(value);
  if (value.includes('\n') && !/[ \t]$/m.test(value) && !value.startsWith(' ')) {
    const lines = value.replace(/\n$/, '').split('\n');
    return `|${value.endsWith('\n') ? '' : '-'}\n${lines.map((line) => (line ? `${pad}  ${line}` : '')).join('\n')}`;
  }
  return plainWord(value) ? value : JSON.stringify(value);
}

function write(value: unknown, pad: string): string {
  if (Array.isArray(value)) {
    return value
      .map((item) =>
        typeof item === 'object' && item !== null
          ? `${pad}- ${write(item, `${pad}  `).trimStart()}`
          : `${pad}- ${scalar(item, pad)}\n`,
      )
      .join('');
  }
  return Object.entries(value as object)
    .map(([key, inner]) => {
      const name = /^[\w.]+$/.test(key) ? key : JSON.stringify(key);
      if (typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0)
        return `${pad}${name}:\n${write(inner, `${pad}  `)}`;
      if (typeof inner === 'object' && inner !== null) return `${pad}${name}: ${Array.isArray(inner) ? '[]' : '{}'}\n`;
      return `${pad}${name}: ${scalar(inner, pad)}\n`;
    })
    .join('');
}

/** The file that `lycaon hunt create -f` takes. */
export const huntYaml = (hunt: HuntRequest): string => write(JSON.parse(JSON.stringify(hunt)), '');

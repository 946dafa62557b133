// Marks and links of log hunts: states with shape, word and colour; rules, tenants, streams, windows and findings as
// links wherever they stand.

import { HoverCard } from '@mantine/core';
import {
  IconAlertTriangle,
  IconArrowBigUpLines,
  IconBan,
  IconCheck,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconClock,
  IconDots,
  IconFlame,
  IconHandStop,
  IconHourglass,
  IconInfoCircle,
  IconPlayerPause,
  IconPlayerPlay,
  IconScissors,
  IconX,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ComponentType } from 'react';
import * as logs from '../api/logs';
import type { LogLedgerName } from '../api/schema';
import { lagText } from '../lib/logs';
import { shortId } from '../lib/text';
import { Moment } from './parts';
import '../log.css';

type Icon = ComponentType<{ 'aria-hidden'?: boolean; size?: number }>;
type Look = [tone: 'go' | 'good' | 'wait' | 'bad' | 'still', icon: Icon, word: string];

const STREAM: Record<string, Look> = {
  ok: ['good', IconCheck, 'on time'],
  waiting: ['still', IconDots, 'waiting'],
  paused: ['still', IconPlayerPause, 'paused'],
  behind: ['wait', IconHourglass, 'behind'],
  failing: ['bad', IconAlertTriangle, 'failing'],
  gap: ['bad', IconX, 'gap'],
  stopped: ['bad', IconHandStop, 'stopped'],
  closed: ['still', IconBan, 'closed'],
};
const WINDOW: Record<string, Look> = {
  planned: ['still', IconCircleDashed, 'planned'],
  leased: ['go', IconClock, 'leased'],
  running: ['go', IconPlayerPlay, 'running'],
  committed: ['good', IconCircleCheck, 'committed'],
  backoff: ['wait', IconHourglass, 'failed, tried again'],
  quarantined: ['bad', IconCircleX, 'quarantined'],
  waived: ['still', IconBan, 'waived'],
  split: ['still', IconScissors, 'split'],
  superseded: ['still', IconBan, 'superseded'],
  failed: ['bad', IconCircleX, 'failed'],
  lost: ['wait', IconAlertTriangle, 'lost'],
};
const SEVERITY: Record<string, Look> = {
  critical: ['bad', IconFlame, 'critical'],
  high: ['bad', IconArrowBigUpLines, 'high'],
  medium: ['wait', IconAlertTriangle, 'medium'],
  low: ['go', IconInfoCircle, 'low'],
  informational: ['still', IconInfoCircle, 'informational'],
};
const FINDING: Record<string, Look> = {
  new: ['go', IconCircleDashed, 'new'],
  triaged: ['wait', IconPlayerPlay, 'triaged'],
  closed: ['good', IconCircleCheck, 'closed'],
};
const JOB: Record<string, Look> = {
  running: ['go', IconPlayerPlay, 'running'],
  done: ['good', IconCircleCheck, 'done'],
  over_budget: ['wait', IconAlertTriangle, 'over budget'],
  cancelled: ['still', IconBan, 'cancelled'],
};

function mark(looks: Record<string, Look>) {
  return function StateMark({ state, pill }: { state: string; pill?: boolean }) {
    const [tone, Icon, word] = looks[state] ?? (['still', IconCircleDashed, state] as Look);
    return (
      <span className={`state ${tone} ${pill ? 'pill' : ''}`}>
        <Icon aria-hidden />
        {word}
      </span>
    );
  };
}
export const StreamMark = mark(STREAM);
export const WindowMark = mark(WINDOW);
export const SeverityMark = mark(SEVERITY);
export const FindingMark = mark(FINDING);
export const JobMark = mark(JOB);
export const streamWord = (state: string) => STREAM[state]?.[2] ?? state;
export const windowWord = (state: string) => WINDOW[state]?.[2] ?? state;
/** The shape alone, for places whose label says the rest. */
export function StreamShape({ state }: { state: string }) {
  const Icon = STREAM[state]?.[1] ?? IconDots;
  return <Icon size={14} aria-hidden />;
}

export const RuleLink = ({ name, title }: { name: string; title?: string }) => (
  <Link to="/log/rules/$rule" params={{ rule: name }} search={{}} title={title}>
    {name}
  </Link>
);
export const TenantLink = ({ name }: { name: string }) => (
  <Link to="/log/tenants/$tenant" params={{ tenant: name }} search={{}}>
    {name}
  </Link>
);

/** Only what differs from the usual stands in the address. */
export const ledgerSearch = (ledger?: Partial<LogLedgerName>) => ({
  part: ledger?.part || undefined,
  epoch: ledger?.epoch ? String(ledger.epoch) : undefined,
  lane: ledger?.lane && ledger.lane !== 'live' ? ledger.lane : undefined,
});

export function StreamLink({
  at,
  ledger,
  text,
}: {
  at: logs.StreamPlace;
  ledger?: Partial<LogLedgerName>;
  text?: string;
}) {
  return (
    <Link
      to="/log/streams/$tenant/$dataset/$rule"
      params={{ tenant: at.tenant, dataset: at.dataset, rule: at.rule }}
      search={ledgerSearch(ledger)}
    >
      {text ?? `${at.tenant}/${at.dataset}/${at.rule}`}
    </Link>
  );
}

function FindingCard({ id }: { id: string }) {
  const { data } = useQuery(logs.finding(id));
  if (!data) return <span className="mono">{id}</span>;
  return (
    <div className="stack tight">
      <strong>{data.title}</strong>
      <span className="row">
        <SeverityMark state={data.severity} /> <FindingMark state={data.state} />
      </span>
      <span className="dim">
        {data.rule} at {data.tenant}, <Moment at={data.instant} />
      </span>
    </div>
  );
}
export function FindingLink({ id, text }: { id: string; text?: string }) {
  return (
    <HoverCard openDelay={450} closeDelay={80} width={320} shadow="md" position="bottom-start" withinPortal>
      <HoverCard.Target>
        <Link to="/findings/$finding" params={{ finding: id }} className={text ? '' : 'mono'}>
          {text ?? shortId(id)}
        </Link>
      </HoverCard.Target>
      <HoverCard.Dropdown>
        <FindingCard id={id} />
      </HoverCard.Dropdown>
    </HoverCard>
  );
}
export const WindowLink = ({ id, text }: { id: string; text?: string }) => (
  <Link to="/log/windows/$window" params={{ window: id }} className={text ? 'nowrap' : 'mono'}>
    {text ?? shortId(id)}
  </Link>
);

/** A position as it stands in answers: a moment in UTC with the rest on hover, or a number. */
export const PositionText = ({ at, domain }: { at?: string | null; domain?: string }) =>
  at && domain !== 'cursor' && /^\d{4}-/.test(at) ? <Moment at={at} /> : <span className="num">{at ?? '–'}</span>;

export const Lag = ({ ms, state }: { ms?: number | null; state?: string }) => (
  <span className={`num nowrap ${state === 'behind' || state === 'stopped' ? 'bad-text' : ''}`}>{lagText(ms)}</span>
);

export const Techniques = ({ ids }: { ids: string[] }) => (
  <span className="labels">
    {ids.map((id) => (
      <Link key={id} to="/findings" search={{ attack: id }} className="label">
        {id}
      </Link>
    ))}
  </span>
);

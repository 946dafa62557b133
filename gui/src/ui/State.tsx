// States of hunts, flows and members: a shape, a word and a colour, so that none of them has to carry it alone.

import {
  IconAlertTriangle,
  IconArchive,
  IconBan,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconClock,
  IconClockX,
  IconFilterDown,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerStop,
  IconPencil,
  IconQuestionMark,
  IconTable,
} from '@tabler/icons-react';
import type { ComponentType } from 'react';

type Look = [
  tone: 'go' | 'good' | 'wait' | 'bad' | 'still',
  icon: ComponentType<{ 'aria-hidden'?: boolean }>,
  word?: string,
];

const HUNT: Record<string, Look> = {
  draft: ['still', IconPencil],
  running: ['go', IconPlayerPlay],
  paused: ['wait', IconPlayerPause],
  draining: ['wait', IconFilterDown],
  stopped: ['bad', IconPlayerStop],
  completed: ['good', IconCircleCheck],
  archived: ['still', IconArchive],
};
const FLOW: Record<string, Look> = {
  queued: ['wait', IconClock],
  running: ['go', IconPlayerPlay],
  done: ['good', IconCircleCheck],
  failed: ['bad', IconCircleX],
  cancelled: ['still', IconBan],
  expired: ['still', IconClockX],
};
const MEMBER: Record<string, Look> = {
  asked: ['still', IconCircleDashed],
  refused: ['still', IconBan],
  pending: ['wait', IconClock],
  running: ['go', IconPlayerPlay],
  completed: ['good', IconCircleCheck],
  results: ['go', IconTable],
  failed: ['bad', IconCircleX],
  cancelled: ['still', IconPlayerStop],
  expired: ['still', IconClockX],
};
const LEVEL: Record<string, Look> = {
  ERROR: ['bad', IconCircleX],
  ALERT: ['bad', IconAlertTriangle],
  WARN: ['wait', IconAlertTriangle],
};

function Mark({ look, text, pill }: { look?: Look; text: string; pill?: boolean }) {
  const [tone, Icon] = look ?? (['still', IconQuestionMark] as Look);
  return (
    <span className={`state ${tone} ${pill ? 'pill' : ''}`}>
      <Icon aria-hidden />
      {text}
    </span>
  );
}

export const HuntState = ({ state, pill }: { state: string; pill?: boolean }) => (
  <Mark look={HUNT[state]} text={state} pill={pill} />
);
export const FlowState = ({ state, pill }: { state: string; pill?: boolean }) => (
  <Mark look={FLOW[state]} text={state} pill={pill} />
);
export const MemberState = ({ state }: { state: string }) => <Mark look={MEMBER[state]} text={state} />;
export const LogLevel = ({ level }: { level: string }) =>
  LEVEL[level] ? <Mark look={LEVEL[level]} text={level} /> : <span className="dim">{level}</span>;

export function Online({ online, revoked }: { online: boolean; revoked?: boolean }) {
  if (revoked) {
    return (
      <span className="state bad">
        <IconBan aria-hidden /> revoked
      </span>
    );
  }
  return (
    <span className={`row nowrap ${online ? '' : 'dim'}`}>
      <i className={`dot ${online ? 'on' : 'ring'}`} />
      {online ? 'online' : 'offline'}
    </span>
  );
}

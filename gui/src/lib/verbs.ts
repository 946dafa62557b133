// What can be done to a hunt, and what happens then: four verbs that are easily confused, each with its sentence.

import type { HuntView } from '../api/schema';
import { plural } from './text';

export type Verb = 'start' | 'pause' | 'drain' | 'resume' | 'stop' | 'widen' | 'archive';

export interface VerbInfo {
  label: string;
  /** What will happen, with its size. */
  says: (hunt: HuntView) => string;
  /** Asks before it acts. */
  confirm: boolean;
  danger: boolean;
}

const under = (hunt: HuntView) => plural(hunt.counts.running, 'running flow');
const waiting = (hunt: HuntView) => plural(hunt.counts.pending, 'pending client');

export const VERBS: Record<Verb, VerbInfo> = {
  start: {
    label: 'Start',
    says: () => 'Connected clients are asked at once, others when they come back.',
    confirm: true,
    danger: false,
  },
  pause: {
    label: 'Pause',
    says: (hunt) => `Clients are still checked and queued; nobody new begins. ${under(hunt)} go on to their end.`,
    confirm: false,
    danger: false,
  },
  drain: {
    label: 'Drain',
    says: (hunt) => `Nobody new is checked. ${waiting(hunt)} still run, then the hunt is complete.`,
    confirm: true,
    danger: false,
  },
  resume: {
    label: 'Resume',
    says: (hunt) => `Clients are checked again, and ${waiting(hunt)} begin within the rate.`,
    confirm: false,
    danger: false,
  },
  stop: {
    label: 'Stop',
    says: (hunt) =>
      `Nobody new is checked or begun, and ${under(hunt)} and ${waiting(hunt)} are cancelled. Results so far stay. This cannot be undone.`,
    confirm: true,
    danger: true,
  },
  widen: {
    label: 'Let the others in',
    says: (hunt) =>
      `Everybody who matches takes part from now on, not only the first ${hunt.spec.canary?.clients ?? 'few'}: ${waiting(hunt)} begin within the rate.`,
    confirm: true,
    danger: false,
  },
  archive: {
    label: 'Archive',
    says: () => 'It leaves the list of current hunts and can no longer be changed. Results stay.',
    confirm: true,
    danger: false,
  },
};

export const isVerb = (text: string): text is Verb => text in VERBS;

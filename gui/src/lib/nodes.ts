// Words about server processes: duties, signs of life.

import { millis } from './text';

const DUTIES: Record<string, string> = {
  hunt_manager: 'admits clients to hunts, makes rounds, ends what is over',
  janitor: 'gives up what is overdue, forgets what is too old',
  compactor: 'moves rows that rest into segments',
};

/** What a duty is about; nothing for one that this page does not know. */
export const dutySays = (duty: string) => DUTIES[duty] ?? '';

/** A node that is silent for so long is about to be taken for gone. */
const LATE_MS = 8_000;

/** How long ago a node was heard of, and whether that is good. */
export function signSays(silent: number): { tone: 'good' | 'wait'; text: string } {
  const text = silent < 1000 ? 'just now' : `${millis(silent)} ago`;
  return { tone: silent < LATE_MS ? 'good' : 'wait', text };
}

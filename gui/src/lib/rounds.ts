// Which rounds of a recurring hunt are looked at: one, the newest, or all together. The address says `3` or `all`.

export const ALL_ROUNDS = 'all';

/** How the API is asked for it; nothing for the newest round. */
export function roundsQuery(said: string | undefined): { round?: number; all_rounds?: boolean } {
  if (said === ALL_ROUNDS) return { all_rounds: true };
  const round = Number(said);
  return Number.isInteger(round) && round > 0 ? { round } : {};
}

export const roundSays = (said: string | undefined, newest: number) =>
  said === ALL_ROUNDS ? 'all rounds' : `round ${roundsQuery(said).round ?? newest}`;

// Which round of a recurring hunt is looked at.

import { NativeSelect } from '@mantine/core';
import type { HuntView } from '../../api/schema';
import { ALL_ROUNDS } from '../../lib/rounds';
import type { HuntSearch } from '../Hunt';

export function RoundChoice(props: {
  hunt: HuntView;
  search: HuntSearch;
  change: (part: Partial<HuntSearch>) => void;
  /** All rounds may be chosen together. */
  together?: boolean;
}) {
  const { hunt, search, change, together } = props;
  const older = Array.from({ length: hunt.round - 1 }, (_, i) => String(hunt.round - 1 - i));
  return (
    <NativeSelect
      size="xs"
      aria-label="Round"
      value={search.round ?? ''}
      onChange={(e) => change({ round: e.currentTarget.value || undefined, row: undefined })}
      data={[
        { value: '', label: `Round ${hunt.round}, the newest` },
        ...older.map((round) => ({ value: round, label: `Round ${round}` })),
        ...(together ? [{ value: ALL_ROUNDS, label: 'All rounds' }] : []),
      ]}
    />
  );
}

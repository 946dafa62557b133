// Before a hunt starts: how many will it ask? A wide one wants its name typed.

import { useQuery } from '@tanstack/react-query';
import * as ask from '../../api/queries';
import type { HuntView } from '../../api/schema';
import { WIDE } from '../../lib/pace';
import { Confirm } from '../../ui/Confirm';
import { Bones, ErrorNote } from '../../ui/parts';
import { PreviewText } from './Preview';

export function StartQuestion({
  hunt,
  act,
  close,
}: {
  hunt: HuntView;
  act: () => Promise<unknown>;
  close: () => void;
}) {
  const preview = useQuery({
    queryKey: ['preview', hunt.id, hunt.revision],
    queryFn: () => ask.previewHunt(hunt.spec),
    staleTime: 0,
  });
  const wide = (preview.data?.asked ?? 0) > WIDE;
  return (
    <Confirm
      title={`Start “${hunt.spec.name}”?`}
      action="Start"
      type={wide ? hunt.spec.name : undefined}
      act={act}
      close={close}
    >
      {preview.isPending && <Bones lines={2} />}
      {preview.isError && (
        <ErrorNote
          what="Could not count who would be asked"
          error={preview.error}
          retry={() => void preview.refetch()}
        />
      )}
      {preview.data && <PreviewText preview={preview.data} rate={hunt.spec.rate ?? 'unlimited'} />}
    </Confirm>
  );
}

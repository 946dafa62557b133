// The size of a hunt before it starts, in a sentence.

import type { HuntPreview } from '../../api/schema';
import { timeFor } from '../../lib/pace';
import { count, plural } from '../../lib/text';

export function PreviewText({ preview, rate }: { preview: HuntPreview; rate: string }) {
  const { asked, online, excluded } = preview;
  const time = timeFor(asked, rate);
  return (
    <>
      <p>
        This will ask <strong>{plural(asked, 'client')}</strong>
        {asked > 0 && (
          <>
            , {online === asked ? 'all' : <strong>{count(online)}</strong>} of them connected now
            {online < asked && '; the others are asked when they come back'}
          </>
        )}
        .
        {excluded > 0 &&
          ` ${plural(excluded, 'client')} ${excluded === 1 ? 'is' : 'are'} left out by include and exclude.`}
      </p>
      {time && (
        <p className="dim">
          At {rate} it begins on all of them within {time} if every one matches.
        </p>
      )}
    </>
  );
}

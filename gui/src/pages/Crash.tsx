import { Button } from '@mantine/core';
import { Note } from '../ui/parts';

/** The page itself failed: say so, and offer the way out. */
export function Crash({ error, reset }: { error: unknown; reset?: () => void }) {
  const message = error instanceof Error ? error.message : String(error);
  const stale = /dynamically imported module|Loading chunk/i.test(message);
  return (
    <div className="page">
      <Note tone="bad" title="This page failed">
        <p>{stale ? 'The server has been updated since this page was opened.' : message}</p>
        <div className="row">
          <Button variant="default" onClick={() => window.location.reload()}>
            Load it again
          </Button>
          {!stale && reset && (
            <Button variant="default" onClick={reset}>
              Try again
            </Button>
          )}
        </div>
      </Note>
    </div>
  );
}

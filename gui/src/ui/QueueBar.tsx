// The queue bar: one order, one set of colours and words, numbers on it, every part a link to its members.

import { Link } from '@tanstack/react-router';
import { memo } from 'react';
import type { QueueCounts } from '../api/schema';
import { barParts, shownQueues, totalOf, type Queue } from '../lib/queues';
import { count, short } from '../lib/text';

const Members = ({
  hunt,
  queue,
  round,
  ...rest
}: {
  hunt: string;
  queue: Queue;
  round?: string;
  className?: string;
  title?: string;
  children: React.ReactNode;
  style?: React.CSSProperties;
  'aria-current'?: 'true';
}) => (
  <Link
    to="/hunts/$hunt"
    params={{ hunt }}
    search={queue === 'results' ? { tab: 'results', round } : { tab: 'members', queue, round }}
    {...rest}
  />
);

interface BarProps {
  hunt: string;
  counts: QueueCounts;
  size?: 'small' | 'mid' | 'large';
  /** An older round, whose members are meant. */
  round?: string;
}

/** The bar alone, as in lists. */
export const QueueBar = memo(function QueueBar({ hunt, counts, size = 'small', round }: BarProps) {
  const parts = barParts(counts);
  const room = size === 'large' ? 3 : size === 'mid' ? 9 : 100;
  if (parts.length === 0) {
    return (
      <div
        className={`qbar ${size}`}
        role="img"
        aria-label="Nobody has been asked yet"
        title="Nobody has been asked yet"
      />
    );
  }
  return (
    <div className={`qbar ${size} lively`} role="group" aria-label="Clients by queue">
      {parts.map((part) => (
        <Members
          key={part.queue}
          hunt={hunt}
          queue={part.queue}
          round={round}
          className={`qpart q-${part.queue}`}
          style={{ flex: `0 0 ${part.percent}%` }}
          title={`${part.label}: ${count(part.count)} · ${part.meaning}`}
        >
          <span aria-hidden="true">{part.percent >= room ? short(part.count) : ''}</span>
          <span className="sr">
            {part.label}: {count(part.count)}
          </span>
        </Members>
      ))}
    </div>
  );
});

/** The bar with every queue's number and name. */
export function QueuePanel({ hunt, counts, current }: { hunt: string; counts: QueueCounts; current?: string }) {
  const total = totalOf(counts);
  return (
    <section className="card stack tight" aria-label="Queues">
      <div className="qlegend lively">
        {shownQueues(counts).map(({ queue, label, meaning }) => (
          <Members
            key={queue}
            hunt={hunt}
            queue={queue}
            title={meaning}
            className={counts[queue] === 0 ? 'none' : ''}
            aria-current={current === queue ? 'true' : undefined}
          >
            <b data-queue={queue}>{count(counts[queue])}</b>
            <span className="qname">
              <i className={`swatch q-${queue}`} />
              {label}
            </span>
          </Members>
        ))}
        <span className="stale-mark">not live</span>
      </div>
      <QueueBar hunt={hunt} counts={counts} size="large" />
      <span className="sr" role="status" aria-live="off">
        {count(total)} clients in all queues
      </span>
    </section>
  );
}

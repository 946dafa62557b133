// What is wrong with the server, on every page: what, since when, what works all the same. It goes away by itself,
// and then whatever could not be loaded meanwhile is asked for again.

import { IconAlertTriangle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { health, queryClient } from '../api/queries';
import { Moment, sentence } from './parts';

const WELL_EVERY = 15_000;
const TROUBLED_EVERY = 3_000;

/** Asks again for everything on screen that failed. */
export function retryFailed() {
  void queryClient.refetchQueries({ type: 'active', predicate: (query) => query.state.status === 'error' });
}

export function TroubleBanner() {
  const { data } = useQuery({
    ...health(),
    refetchInterval: (query) => (query.state.data?.troubles?.length ? TROUBLED_EVERY : WELL_EVERY),
    refetchOnWindowFocus: true,
    retry: false,
  });
  const troubles = data?.troubles ?? [];
  const before = useRef(0);
  useEffect(() => {
    if (before.current > 0 && troubles.length === 0) retryFailed();
    before.current = troubles.length;
  }, [troubles.length]);
  return (
    <div role="status" aria-label="What is wrong with the server">
      {troubles.map((one) => (
        <div key={one.what} className="banner trouble">
          <IconAlertTriangle size={18} aria-hidden />
          <div className="grow">
            <strong>{sentence(one.what)}</strong>{' '}
            <span className="nowrap">
              since <Moment at={one.since} /> (<Moment at={one.since} near />)
            </span>
            {one.works && <p>Meanwhile: {one.works}</p>}
          </div>
        </div>
      ))}
    </div>
  );
}

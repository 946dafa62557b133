// Keys that work everywhere. They stay silent while someone types, and while a dialog is open.

import { useEffect, useRef } from 'react';

export const GO_KEYS = {
  o: ['/', 'Overview'],
  h: ['/hunts', 'Hunts'],
  c: ['/clients', 'Clients'],
  l: ['/log', 'Log hunts'],
  f: ['/findings', 'Findings'],
  a: ['/artifacts', 'Artifacts'],
  e: ['/tokens', 'Enrolment'],
  u: ['/audit', 'Audit'],
  m: ['/monitoring', 'Monitoring'],
  s: ['/nodes', 'Nodes'],
} as const;
type Place = (typeof GO_KEYS)[keyof typeof GO_KEYS][0] | '/hunts/new';

function typing(event: KeyboardEvent): boolean {
  const at = event.composedPath()[0];
  return (
    at instanceof HTMLElement &&
    (at.isContentEditable || at.closest('.cm-content') !== null || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName))
  );
}

interface Acts {
  palette: () => void;
  help: () => void;
  fold: () => void;
  go: (to: Place) => void;
}

export function useShellKeys(acts: Acts) {
  const now = useRef(acts);
  now.current = acts;
  useEffect(() => {
    let goUntil = 0;
    function onKey(event: KeyboardEvent) {
      const { palette, help, fold, go } = now.current;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        return palette();
      }
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event) || document.querySelector('[role="dialog"]'))
        return;
      if (Date.now() < goUntil && event.key in GO_KEYS) {
        goUntil = 0;
        event.preventDefault();
        return go(GO_KEYS[event.key as keyof typeof GO_KEYS][0]);
      }
      goUntil = 0;
      if (event.key === 'g') goUntil = Date.now() + 1200;
      else if (event.key === '/') {
        event.preventDefault();
        palette();
      } else if (event.key === 'n') {
        event.preventDefault();
        go('/hunts/new');
      } else if (event.key === '?') help();
      else if (event.key === '[') fold();
    }
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}

// Addresses of the screens and what their search part may hold. Screens load when they are first visited.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { queryText, type Query } from './api/request';
import { Shell } from './Shell';
import { NotFound } from './pages/NotFound';
import { Crash } from './pages/Crash';

/** Reads named texts (and the flag `desc`) out of the address; what is not named is dropped. */
export type Texts<K extends string> = Partial<Record<K, string>> & { desc?: boolean };
function texts<const K extends string>(...names: K[]) {
  return (raw: Record<string, unknown>): Texts<K> => {
    const out: Record<string, unknown> = {};
    for (const name of names) {
      const value = raw[name];
      if (typeof value === 'string' && value !== '') out[name] = value;
      else if (typeof value === 'number' || typeof value === 'boolean') out[name] = String(value);
    }
    if (raw.desc === true || raw.desc === 'true') out.desc = true;
    return out as Texts<K>;
  };
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: Crash });

const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/Overview'), 'Overview'),
});
const hunts = createRoute({
  getParentRoute: () => root,
  path: '/hunts',
  validateSearch: texts('q', 'state', 'tag'),
  component: lazyRouteComponent(() => import('./pages/Hunts'), 'Hunts'),
});
const newHunt = createRoute({
  getParentRoute: () => root,
  path: '/hunts/new',
  validateSearch: texts('step', 'artifact', 'copy', 'client'),
  component: lazyRouteComponent(() => import('./pages/NewHunt'), 'NewHunt'),
});
const hunt = createRoute({
  getParentRoute: () => root,
  path: '/hunts/$hunt',
  validateSearch: texts(
    'tab',
    'queue',
    'q',
    'source',
    'filter',
    'sort',
    'row',
    'why',
    'before',
    'after',
    'key',
    'ignore',
    'count',
    'order',
    'sql',
    'round',
    'change',
    'with',
  ),
  component: lazyRouteComponent(() => import('./pages/Hunt'), 'HuntPage'),
});
const clients = createRoute({
  getParentRoute: () => root,
  path: '/clients',
  validateSearch: texts('q', 'label', 'online', 'sort'),
  component: lazyRouteComponent(() => import('./pages/Clients'), 'Clients'),
});
const client = createRoute({
  getParentRoute: () => root,
  path: '/clients/$client',
  validateSearch: texts('collect', 'tab', 'source', 'day', 'log', 'q', 'sort'),
  component: lazyRouteComponent(() => import('./pages/Client'), 'ClientPage'),
});
const flow = createRoute({
  getParentRoute: () => root,
  path: '/flows/$flow',
  validateSearch: texts('tab', 'q', 'source', 'filter', 'sort', 'row', 'count', 'order', 'sql'),
  component: lazyRouteComponent(() => import('./pages/Flow'), 'FlowPage'),
});
const artifacts = createRoute({
  getParentRoute: () => root,
  path: '/artifacts',
  validateSearch: texts('q'),
  component: lazyRouteComponent(() => import('./pages/Artifacts'), 'Artifacts'),
});
const artifact = createRoute({
  getParentRoute: () => root,
  path: '/artifacts/$name',
  component: lazyRouteComponent(() => import('./pages/Artifact'), 'ArtifactPage'),
});
const logHunts = createRoute({
  getParentRoute: () => root,
  path: '/log',
  validateSearch: texts('tab', 'q', 'rule', 'state', 'severity', 'sort', 'backfill'),
  component: lazyRouteComponent(() => import('./pages/LogHunts'), 'LogHunts'),
});
const logRule = createRoute({
  getParentRoute: () => root,
  path: '/log/rules/$rule',
  validateSearch: texts('tab', 'q', 'state', 'sort'),
  component: lazyRouteComponent(() => import('./pages/LogRule'), 'LogRulePage'),
});
const logTenant = createRoute({
  getParentRoute: () => root,
  path: '/log/tenants/$tenant',
  validateSearch: texts('tab', 'q', 'state', 'sort'),
  component: lazyRouteComponent(() => import('./pages/LogTenant'), 'LogTenantPage'),
});
const logStream = createRoute({
  getParentRoute: () => root,
  path: '/log/streams/$tenant/$dataset/$rule',
  validateSearch: texts('tab', 'part', 'epoch', 'lane', 'from', 'to', 'state', 'window'),
  component: lazyRouteComponent(() => import('./pages/LogStream'), 'LogStreamPage'),
});
const logWindow = createRoute({
  getParentRoute: () => root,
  path: '/log/windows/$window',
  component: lazyRouteComponent(() => import('./pages/LogWindow'), 'LogWindowPage'),
});
const findings = createRoute({
  getParentRoute: () => root,
  path: '/findings',
  validateSearch: texts(
    'q',
    'state',
    'severity',
    'tenant',
    'rule',
    'dataset',
    'attack',
    'from',
    'to',
    'late',
    'suppressed',
    'sort',
    'view',
    'finding',
    'bulk',
  ),
  component: lazyRouteComponent(() => import('./pages/Findings'), 'Findings'),
});
const finding = createRoute({
  getParentRoute: () => root,
  path: '/findings/$finding',
  component: lazyRouteComponent(() => import('./pages/Finding'), 'FindingPage'),
});
const tokens = createRoute({
  getParentRoute: () => root,
  path: '/tokens',
  component: lazyRouteComponent(() => import('./pages/Tokens'), 'Tokens'),
});
const audit = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  component: lazyRouteComponent(() => import('./pages/Audit'), 'Audit'),
});
const monitoring = createRoute({
  getParentRoute: () => root,
  path: '/monitoring',
  validateSearch: texts('source', 'from', 'to'),
  component: lazyRouteComponent(() => import('./pages/Monitoring'), 'Monitoring'),
});
const nodes = createRoute({
  getParentRoute: () => root,
  path: '/nodes',
  component: lazyRouteComponent(() => import('./pages/Nodes'), 'Nodes'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    hunts,
    newHunt,
    hunt,
    clients,
    client,
    flow,
    artifacts,
    artifact,
    logHunts,
    logRule,
    logTenant,
    logStream,
    logWindow,
    findings,
    finding,
    tokens,
    audit,
    monitoring,
    nodes,
  ]),
  // Plain texts in the address: people read, write and paste it.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => queryText(search as Query),
  defaultPreload: 'intent',
  defaultPendingMs: 300,
  scrollRestoration: false,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

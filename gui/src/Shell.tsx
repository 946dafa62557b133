// What stands around every page: navigation, search, the live mark, the banner when the server is lost, and the keys.
// Who is not signed in gets the form in the page's place; the address stays, so a pasted link opens what it names.

import { ActionIcon, Button, Menu, Tooltip, useMantineColorScheme, useComputedColorScheme } from '@mantine/core';
import {
  IconArrowBarLeft,
  IconArrowBarRight,
  IconDeviceDesktop,
  IconFileText,
  IconFlag,
  IconHeartbeat,
  IconKey,
  IconLayoutDashboard,
  IconListSearch,
  IconLogout,
  IconMoon,
  IconPlugConnectedX,
  IconSearch,
  IconServer2,
  IconSun,
  IconTargetArrow,
  IconTimelineEvent,
  IconUserCircle,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useState, type ComponentType } from 'react';
import { listen, reconnectNow, useLiveStatus } from './api/live';
import * as ask from './api/queries';
import { ApiError, setCsrf, whenSignedOut } from './api/request';
import { Login } from './pages/Login';
import { useShellKeys } from './ui/keys';
import { Logo } from './ui/Logo';
import { ErrorNote, useKept } from './ui/parts';
import { sayError, Toasts } from './ui/toast';
import { TroubleBanner } from './ui/TroubleBanner';
import { utc } from './lib/text';

const Palette = lazy(() => import('./ui/Palette').then((m) => ({ default: m.Palette })));
const KeyHelp = lazy(() => import('./ui/KeyHelp').then((m) => ({ default: m.KeyHelp })));

const PLACES: {
  to:
    '/' | '/hunts' | '/log' | '/findings' | '/clients' | '/artifacts' | '/tokens' | '/audit' | '/monitoring' | '/nodes';
  label: string;
  icon: ComponentType<{ 'aria-hidden'?: boolean }>;
}[] = [
  { to: '/', label: 'Overview', icon: IconLayoutDashboard },
  { to: '/hunts', label: 'Hunts', icon: IconTargetArrow },
  { to: '/log', label: 'Log hunts', icon: IconListSearch },
  { to: '/findings', label: 'Findings', icon: IconFlag },
  { to: '/clients', label: 'Clients', icon: IconDeviceDesktop },
  { to: '/monitoring', label: 'Monitoring', icon: IconHeartbeat },
  { to: '/artifacts', label: 'Artifacts', icon: IconFileText },
  { to: '/tokens', label: 'Enrolment', icon: IconKey },
  { to: '/audit', label: 'Audit', icon: IconTimelineEvent },
  { to: '/nodes', label: 'Nodes', icon: IconServer2 },
];

whenSignedOut(() => {
  if (ask.queryClient.getQueryData(['whoami'])) void ask.queryClient.resetQueries({ queryKey: ['whoami'] });
});

/** A server that answers, but cannot say who asks, is not one that is gone. */
const whatStops = (error: unknown) =>
  error instanceof ApiError && !error.unreachable ? 'Lycaon cannot say who you are now' : 'Lycaon cannot be reached';

export function Shell() {
  const me = useQuery({
    ...ask.whoami(),
    // A server that cannot say it now may say it soon.
    refetchInterval: (query) => (query.state.error instanceof ApiError && query.state.error.passing ? 5_000 : false),
  });
  if (me.data) setCsrf(me.data.csrf);
  if (me.isPending) return <div className="gate" role="status" aria-label="Loading" />;
  // A refused session shows the form; a lost server leaves the page as it is.
  const refused = me.error instanceof ApiError && (me.error.status === 401 || me.error.status === 403);
  if (refused) return <Login />;
  if (!me.data) {
    return (
      <main className="gate">
        <div className="gate-card stack">
          <TroubleBanner />
          <ErrorNote what={whatStops(me.error)} error={me.error} retry={() => void me.refetch()} />
        </div>
      </main>
    );
  }
  return <SignedIn user={me.data.user} version={me.data.version} />;
}

function SignedIn({ user, version }: { user: string; version: string }) {
  const [folded, setFolded] = useKept('nav.folded', false);
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  useEffect(() => listen(), []);
  const navigate = useNavigate();
  useShellKeys({
    palette: () => setPalette(true),
    help: () => setHelp(true),
    fold: () => setFolded(!folded),
    go: (to) => void navigate({ to }),
  });
  return (
    <div className={`shell ${folded ? 'folded' : ''}`}>
      <a className="sr" href="#content">
        Skip to the content
      </a>
      <Nav folded={folded} fold={() => setFolded(!folded)} />
      <header className="topbar">
        <button type="button" className="searchbox" onClick={() => setPalette(true)} aria-haspopup="dialog">
          <IconSearch aria-hidden />
          <span className="grow cut">Search hunts, clients, rules, tenants, any id</span>
          <kbd>/</kbd>
        </button>
        <span className="grow" />
        <LiveMark />
        <SchemeSwitch />
        <UserMenu user={user} version={version} help={() => setHelp(true)} />
      </header>
      <main className="content" id="content" tabIndex={-1}>
        <LostBanner />
        <TroubleBanner />
        <Outlet />
      </main>
      <Suspense fallback={null}>
        {palette && <Palette close={() => setPalette(false)} />}
        {help && <KeyHelp close={() => setHelp(false)} />}
      </Suspense>
      <Toasts />
    </div>
  );
}

function Nav({ folded, fold }: { folded: boolean; fold: () => void }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  return (
    <nav className="nav" aria-label="Main">
      <Link to="/" className="brand" aria-label="Lycaon, overview">
        <Logo />
        <span className="nav-label">Lycaon</span>
      </Link>
      {PLACES.map(({ to, label, icon: Icon }) => {
        const here =
          to === '/'
            ? path === '/'
            : path === to || path.startsWith(`${to}/`) || (to === '/clients' && path.startsWith('/flows/'));
        return (
          <Link
            key={to}
            to={to}
            search={{}}
            className="nav-link"
            aria-current={here ? 'page' : undefined}
            title={label}
            aria-label={label}
          >
            <Icon aria-hidden />
            <span className="nav-label">{label}</span>
          </Link>
        );
      })}
      <button
        type="button"
        className="nav-link nav-foot"
        onClick={fold}
        aria-label={folded ? 'Unfold the navigation' : 'Fold the navigation'}
      >
        {folded ? <IconArrowBarRight aria-hidden /> : <IconArrowBarLeft aria-hidden />}
        <span className="nav-label dim">Fold</span>
      </button>
    </nav>
  );
}

function LiveMark() {
  const { state } = useLiveStatus();
  const words = { live: 'Live', connecting: 'Connecting', lost: 'Not live', off: 'Not live' };
  return (
    <span className="live" role="status" title="Whether changes arrive by themselves">
      <i className={`dot ${state === 'live' ? 'on' : state === 'lost' ? 'lost' : 'ring'}`} />
      {words[state]}
    </span>
  );
}

/** A short gap is not worth a word; after two seconds it is. */
function LostBanner() {
  const { state, heard } = useLiveStatus();
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (state !== 'lost') return setLate(false);
    const timer = setTimeout(() => setLate(true), 1500);
    return () => clearTimeout(timer);
  }, [state]);
  useEffect(() => {
    document.body.toggleAttribute('data-stale', late);
  }, [late]);
  if (!late) return null;
  return (
    <div className="banner" role="alert">
      <IconPlugConnectedX size={18} aria-hidden />
      <span>
        The connection to the server is lost. What you see is from {utc(new Date(heard).toISOString())} and no longer
        moves; it is tried again by itself.
      </span>
      <Button size="compact-xs" variant="default" ml="auto" onClick={reconnectNow}>
        Try now
      </Button>
    </div>
  );
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  const next = scheme === 'dark' ? 'light' : 'dark';
  return (
    <Tooltip label={`Use ${next} colours`} withArrow>
      <ActionIcon variant="subtle" color="gray" aria-label={`Use ${next} colours`} onClick={() => setColorScheme(next)}>
        {scheme === 'dark' ? <IconSun size={17} /> : <IconMoon size={17} />}
      </ActionIcon>
    </Tooltip>
  );
}

function UserMenu({ user, version, help }: { user: string; version: string; help: () => void }) {
  async function leave() {
    try {
      await ask.logout();
      ask.queryClient.clear();
      await ask.queryClient.resetQueries({ queryKey: ['whoami'] });
      window.location.reload();
    } catch (error) {
      sayError('Could not sign out', error);
    }
  }
  return (
    <Menu position="bottom-end" withinPortal shadow="md">
      <Menu.Target>
        <Button variant="subtle" color="gray" leftSection={<IconUserCircle size={17} />}>
          {user}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Lycaon {version}</Menu.Label>
        <Menu.Item onClick={help} rightSection={<kbd>?</kbd>}>
          Keys
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={15} />} onClick={() => void leave()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

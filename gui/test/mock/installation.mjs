// The installation itself in the mock: its nodes, and what is wrong with it.

const ago = (ms) => new Date(Date.now() - ms).toISOString();

export function health({ trouble }) {
  const troubles = trouble ? [{ what: trouble.what, since: trouble.since, works: trouble.works ?? '' }] : [];
  return {
    status: trouble ? 'degraded' : 'ok',
    problems: troubles.map((one) => one.what),
    troubles,
    version: '0.1.0-mock',
  };
}

export function installationRoutes(world) {
  const node = (n, more) => ({
    id: `N.01jd0000000000000000${n}`,
    name: `node-${n}`,
    answers: false,
    version: '0.1.0-mock',
    agents: `10.0.0.${n}:8443`,
    people: `10.0.0.${n}:8000`,
    started: ago(n * 86_400_000),
    silent_ms: n * 310,
    clients: 0,
    duties: [],
    ...more,
  });
  return [
    [
      'GET',
      'nodes',
      () => {
        const online = world.clients.filter((c) => c.online).length;
        return [
          node(1, { answers: true, clients: Math.ceil(online / 2), duties: ['hunt_manager', 'compactor'] }),
          node(2, { clients: Math.floor(online / 2), duties: ['janitor'] }),
          node(3, { silent_ms: 9_400 }),
        ];
      },
    ],
  ];
}

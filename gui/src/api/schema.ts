// Bodies and answers of the HTTP API. Written by `npm run api-types` from crates/api/openapi.json: do not edit.

/** One artifact with parameters. */
export type ArtifactCall = {
  /** The artifact's name. */
  name: string;
  /** Parameters that differ from their default, as text. */
  parameters?: Record<string, string>;
};

/** Check a call of an artifact, or an artifact file. */
export type ArtifactCheck = {
  /** A call: do its parameters fit? */
  call: ArtifactCall;
} | {
  /** A file: is it an artifact? */
  yaml: string;
};

/** A source of an artifact. */
export type ArtifactSourceView = {
  /** What it gives. */
  description: string;
  /** Its name; empty for the only one. */
  name: string;
  /** VQL; empty when there is none. */
  precondition: string;
  /** VQL. */
  query: string;
};

/** An artifact in a list. */
export type ArtifactSummary = {
  /** It comes with Lycaon. */
  built_in: boolean;
  /** `client`, `client_event`, `server`, `server_event`, `internal`, `notebook`. */
  kind: string;
  /** Its name. */
  name: string;
  /** Names of its sources. */
  sources: string[];
  /** First sentence of its description. */
  summary: string;
};

/** An artifact. */
export type ArtifactView = {
  /** Who wrote it. */
  author: string;
  /** It comes with Lycaon. */
  built_in: boolean;
  /** What it is for. */
  description: string;
  /** See `ArtifactSummary::kind`. */
  kind: string;
  /** Its name. */
  name: string;
  /** What it takes. */
  parameters: ParameterView[];
  /** Where to read more. */
  references: string[];
  /** What it gives. */
  sources: ArtifactSourceView[];
  /** The file as it was written. */
  yaml: string;
};

/** One line of the audit log. */
export type AuditEntry = {
  /** What was done: `hunt.start`, `client.label`, `token.create`. */
  action: string;
  /** Who. */
  actor: string;
  /** How. */
  detail: string;
  /** To what. */
  object: string;
  /** When. */
  time: string;
};

/** A page of the audit log, newest first. */
export type AuditPage = {
  /** The entries. */
  items: AuditEntry[];
  /** In all. */
  total: number;
};

/** What is wrong with a text. */
export type CheckReport = {
  /** Nothing that would stop it. */
  ok: boolean;
  /** What is wrong. */
  problems: Problem[];
};

/** Up to where a source of a recurring hunt was read on a client. */
export type CheckpointView = {
  /** Counts how often it began anew because the client's clock was set back, from 1. */
  epoch: number;
  /** The round that brought it here. */
  round: number;
  /** `Artifact` or `Artifact/Source`. */
  source: string;
  /** By the client's clock. */
  upto: string;
};

/** Selects clients by the server's own record. */
export type ClientFilter = {
  /** Any of these clients: ids, or host names, which the server turns into ids. */
  clients?: string[];
  /** The column that is meant, when `clients_text` is a table. */
  clients_column?: string | null;
  /** More of them, pasted: one a line or separated by commas, or a table with a heading. */
  clients_text?: string;
  /** Any of these labels. */
  labels?: string[];
  /** `any`, or one operating system. */
  os?: string | null;
  /** Leave names out that nobody or several clients have, instead of refusing the list. */
  skip_unknown?: boolean;
};

/** The clients that a list names. */
export type ClientListReply = {
  /** Those that were found, once each. */
  clients: ResolvedClient[];
  /** Names that nobody has, that several have, and what is no name. */
  problems: Problem[];
};

/** Find the clients that a list names. */
export type ClientListRequest = {
  /** The column that is meant, when the text is a table. */
  column?: string | null;
  /** Ids and host names, one a line or separated by commas, or a table with a heading. */
  text: string;
};

/** What is monitored on one client, and what that brought. */
export type ClientMonitoring = {
  /** What it brought each day, by source. */
  days: EventDayView[];
  /** What runs there, or will when it connects. */
  entries: MonitoringEntryView[];
};

/** A page of clients. */
export type ClientPage = {
  /** The clients. */
  items: ClientView[];
  /** In all. */
  total: number;
};

/** A client. */
export type ClientView = {
  /** Where it last connected from. */
  address?: string | null;
  /** The agent's version. */
  agent_version: string;
  /** `amd64`, `arm64`. */
  architecture: string;
  /** When it enrolled. */
  first_seen: string;
  /** Full name, as the client says. */
  fqdn: string;
  /** Short name, as the client says. */
  hostname: string;
  /** `C.…` */
  id: string;
  /** The server's labels. */
  labels: string[];
  /** When it was last heard of. */
  last_seen: string;
  /** Connected now. */
  online: boolean;
  /** `linux`, `windows`, `darwin`. */
  os: string;
  /** Distribution or edition. */
  platform: string;
  /** When its certificate was revoked. */
  revoked_at?: string | null;
};

/** Make a hunt of another one, or of a flow. */
export type CopyRequest = {
  /** Its name; that of the original when left out. */
  name?: string | null;
  /** Start it at once. */
  start?: boolean;
};

/** Why a request failed. */
export type ErrorBody = {
  /** How to mend it; empty when there is nothing to say. */
  hint: string;
  /** What was wrong, with its causes. */
  message: string;
  /** Problems in particular fields or places. */
  problems: Problem[];
  /** Names this request in the server's log. */
  request_id: string;
};

/** How much one source brought on one day. */
export type EventDayView = {
  /** Bytes of them as JSON. */
  bytes: number;
  /** Its columns, in the order in which they were first met. */
  columns: string[];
  /** The day of arrival in UTC, for example `2026-11-22`. */
  day: string;
  /** `rows` or `log`. */
  kind: string;
  /** Its rows. */
  rows: number;
  /** `Artifact` or `Artifact/Source`. */
  source: string;
};

/** A page of rows. */
export type EventRowPage = {
  /** The rows. */
  items: EventRowView[];
  /** How many pass the filters in all. */
  total: number;
};

/** One row of an event artifact, with where it comes from. */
export type EventRowView = {
  /** `C.…` */
  client: string;
  /** That client's name. */
  hostname: string;
  /** When the agent met it, by the client's clock. */
  observed: string;
  /** The row itself. */
  row: Record<string, unknown>;
  /** The source. */
  source: string;
  /** When it arrived, by the server's clock. */
  stored: string;
};

/** A stretch of rows in order of arrival. */
export type EventScanPage = {
  /** Whether nothing is behind it now. */
  end: boolean;
  /** The rows. */
  items: EventRowView[];
  /** Where to go on, also for what arrives later. */
  place: string;
};

/** One value of a column. */
export type FacetView = {
  /** On how many clients. */
  clients: number;
  /** Whether it is a number. */
  number: boolean;
  /** In how many rows. */
  rows: number;
  /** Its text; absent for rows that have none. */
  value?: string | null;
};

/** The values of a column. */
export type FacetsView = {
  /** How many different ones there are. */
  distinct: number;
  /** How many rows were counted. */
  rows: number;
  /** Those that were asked for. */
  values: FacetView[];
};

/** A field of a hunt before and after an edit. */
export type FieldChange = {
  /** What it became. */
  after: string;
  /** What it was, as JSON; nothing when it was not there. */
  before: string;
  /** For example `limits.clients`. */
  field: string;
};

/** What one client's flow may use; texts such as `1GiB` and `10m`. Zero or `0s`: no limit. */
export type FlowLimits = {
  /** Percent of one processor: `50%` or `0` for no limit. */
  cpu?: string;
  /** Without progress. */
  progress_timeout?: string;
  /** Rows. */
  rows?: number;
  /** From delivery to the agent. */
  timeout?: string;
  /** Bytes of uploads: a number, or a text with a unit. */
  upload_bytes?: string;
};

/** A page of flows, newest first. */
export type FlowPage = {
  /** The flows. */
  items: FlowView[];
  /** In all. */
  total: number;
};

/** Start a flow. */
export type FlowRequest = {
  /** What. */
  artifacts: ArtifactCall[];
  /** Where. */
  client: string;
  /** Within which limits. */
  limits?: FlowLimits;
};

/** A flow. */
export type FlowView = {
  /** Who asked. */
  actor: string;
  /** What. */
  artifacts: ArtifactCall[];
  /** From 1. */
  attempt: number;
  /** Where. */
  client: string;
  /** Processor time on the client. */
  cpu_millis: number;
  /** When it was asked for. */
  created: string;
  /** When it ended. */
  ended?: string | null;
  /** That client's name. */
  hostname: string;
  /** The hunt it belongs to. */
  hunt?: string | null;
  /** `F.…` */
  id: string;
  /** Why, for `failed`. */
  reason: string;
  /** Rows that arrived in this attempt. */
  rows: number;
  /** When the agent took it. */
  started?: string | null;
  /** `queued`, `running`, `done`, `failed`, `cancelled`, `expired`. */
  state: string;
  /** Their bytes. */
  upload_bytes: number;
  /** Files that arrived in this attempt. */
  uploads: number;
};

/** Is the server well? */
export type Health = {
  /** What is wrong, if anything. */
  problems: string[];
  /** `ok` or `degraded`. */
  status: string;
  /** The same problems, with their beginning and what works all the same. */
  troubles?: TroubleView[];
  /** The server's version. */
  version: string;
};

/** What all flows of a hunt together may use. Zero: no limit. */
export type HuntBudgets = {
  /** Their processor time. */
  cpu_seconds?: number;
  /** Rows of finished attempts. */
  rows?: number;
  /** Bytes of their files: a number, or a text with a unit. */
  upload_bytes?: string;
};

/** Tries a hunt on a few clients first. */
export type HuntCanary = {
  /** So many clients are admitted before all others. */
  clients: number;
  /** `gate`: a person lets the others in; `auto`: the hunt does, when all canaries finished healthy. */
  then?: string;
};

/** Which clients a hunt wants. */
export type HuntCondition = {
  /** VQL on the client; the usual facts when left out. */
  client?: string | null;
  /** None of these. */
  exclude?: ClientFilter;
  /** Only these. */
  include?: ClientFilter;
  /** VQL on the server over `rows` and `client`; every client when left out. */
  server?: string | null;
};

/** Change a hunt that has begun. What is left out stays. */
export type HuntEdit = {
  canary?: HuntCanary | null;
  condition?: HuntCondition | null;
  /** New description. */
  description?: string | null;
  /** New expiry, from the start. */
  expires?: string | null;
  limits?: HuntLimits | null;
  /** New rate. */
  rate?: string | null;
  /** New rules of repetition, for clients not yet admitted. */
  retry?: Record<string, RetryRule> | null;
  /** The revision that this edit was made from; refused when another came first. */
  revision?: number;
  schedule?: HuntSchedule | null;
};

/** Limits of a hunt. Zero: none. */
export type HuntLimits = {
  /** Clients recruited in all. */
  clients?: number;
  /** What each client's flow may use. */
  per_client?: FlowLimits;
  /** Flows under way at once. */
  running?: number;
  stop_when?: StopWhen | null;
  /** What all flows together may use. */
  total?: HuntBudgets;
};

/** A page of hunts, newest first. */
export type HuntPage = {
  /** The hunts. */
  items: HuntView[];
  /** In all. */
  total: number;
};

/** What a hunt would do, by the server's own records. */
export type HuntPreview = {
  /** Clients that include and exclude select: these would be asked. */
  asked: number;
  /** The same for all that are selected, were they connected. */
  duration_all: string;
  /** How long admission takes by rate, ceiling and client limit when all that are connected now match: `3m`; `0s` when at once. */
  duration_online: string;
  /** Clients that include and exclude leave out. */
  excluded: number;
  /** Why they are left out, the commonest first. */
  excluded_by: PreviewCount[];
  /** Of those selected: how many have which label; clients without one are not counted here. */
  labels: PreviewCount[];
  /** Of these, connected now. */
  online: number;
  /** What is wrong with the request; empty when it could be made. */
  problems: Problem[];
  /** Of these, connected now or seen within seven days. */
  recent: number;
  /** Some of those selected, spread over all of them. */
  sample: PreviewClient[];
  /** Of those selected: how many run which operating system. */
  systems: PreviewCount[];
  /** What a preview cannot know of this hunt. */
  unknown: string[];
};

/** Make a hunt. This is also the form of `hunt.yaml`. */
export type HuntRequest = {
  /** What is collected. */
  artifacts: ArtifactCall[];
  canary?: HuntCanary | null;
  /** From whom. */
  condition?: HuntCondition;
  /** What it is for. */
  description?: string;
  /** How long it recruits: `7d`. */
  expires?: string;
  /** Within which limits. */
  limits?: HuntLimits;
  /** A short name. */
  name: string;
  /** `20/min`, or `unlimited`. */
  rate?: string;
  /** Which failures are repeated. */
  retry?: Record<string, RetryRule>;
  schedule?: HuntSchedule | null;
  /** Start it at once. */
  start?: boolean;
  /** Words to find it by, and by which it may be kept longer or shorter. */
  tags?: string[];
};

/** When a hunt asks again. One of `every` and `cron`. */
export type HuntSchedule = {
  /** A client's window ends so long before its clock. */
  buffer?: string;
  /** Five fields in UTC: minute, hour, day of month, month, day of week. */
  cron?: string | null;
  /** So often, from the start of the hunt: `1h`. */
  every?: string | null;
  /** How far back the first window of a client reaches: `7d`; left out for everything. */
  first?: string | null;
};

/** What the finished attempts of a hunt have used, over all rounds. */
export type HuntSpent = {
  /** Processor time on the clients. */
  cpu_seconds: number;
  /** Rows. */
  rows: number;
  /** Bytes of them. */
  upload_bytes: number;
  /** Files. */
  uploads: number;
};

/** A hunt. */
export type HuntView = {
  /** When it was over: nobody pending or running any more. */
  closed?: string | null;
  /** The hunt or flow it was made of: `H.…`, `F.…`. */
  copied_from?: string | null;
  /** The revision of that hunt. */
  copied_revision?: number | null;
  /** The queues. */
  counts: QueueCounts;
  /** When. */
  created: string;
  /** Who made it. */
  creator: string;
  /** When recruitment ended. */
  ended?: string | null;
  /** By whom. */
  ended_by?: string | null;
  /** Why: `asked`, `expired`, `client_limit`, `row_budget`, `upload_budget`, `cpu_budget`, `failed_share`. */
  ended_reason?: string | null;
  /** When it ends by itself. */
  expires?: string | null;
  /** `H.…` */
  id: string;
  /** When the next round begins. */
  next_round?: string | null;
  /** Since when it is paused. */
  paused?: string | null;
  /** By whom. */
  paused_by?: string | null;
  /** Why: `asked`, `canary_failed`. */
  paused_reason?: string | null;
  /** Counts edits, from 1. */
  revision: number;
  /** The current round. */
  round: number;
  /** When the current round began. */
  round_started?: string | null;
  /** Rows of finished clients. */
  rows: number;
  /** What was asked for, in the present revision. */
  spec: HuntRequest;
  /** What finished attempts have used, over all rounds. */
  spent: HuntSpent;
  /** How far it is with its canaries: `canary`, `holding`, `unhealthy`; nothing when all are let in. */
  stage?: string | null;
  /** When it was started. */
  started?: string | null;
  /** `draft`, `running`, `paused`, `draining`, `stopped`, `completed`, `archived`. */
  state: string;
  /** Files of finished clients. */
  uploads: number;
  /** What may be done with it now: `start`, `pause`, `drain`, `resume`, `stop`, `widen`, `archive`. */
  verbs: string[];
};

/** Add and remove labels. */
export type LabelChange = {
  /** To add. */
  add?: string[];
  /** To remove. */
  remove?: string[];
};

/** One server-sent event; the event's name is `change`, its data this. */
export type LiveEvent = {
  /** Its queues. */
  counts: QueueCounts;
  /** `H.…` */
  id: string;
  kind: "hunt";
  /** Its revision. */
  revision: number;
  /** Rows of finished clients. */
  rows: number;
  /** Its state. */
  state: string;
} | {
  /** `C.…` */
  client: string;
  /** `F.…` */
  id: string;
  kind: "flow";
  /** Rows so far. */
  rows: number;
  /** Its state. */
  state: string;
} | {
  /** `C.…` */
  id: string;
  kind: "client";
  /** Connected now. */
  online: boolean;
} | {
  kind: "log";
} | {
  kind: "missed";
};

/** What an action touches, or has touched. */
export type LogActReport = {
  /** It was done; `false` for a preview. */
  done: boolean;
  /** What it does, as a sentence with its size. */
  sentence: string;
  /** Streams that it touches. */
  streams: number;
  /** Windows that it touches. */
  windows: number;
};

/** Do something for a reason. */
export type LogActRequest = {
  /** Only say what it would touch. */
  preview?: boolean;
  /** Why. */
  reason?: string;
};

/** A page of backfills, newest first. */
export type LogBackfillPage = {
  /** The backfills. */
  items: LogBackfillView[];
  /** In all. */
  total: number;
};

/** What a backfill would touch, or the job that was made. */
export type LogBackfillReport = {
  /** Bytes as the engines estimate, where all that were asked know. */
  bytes?: number | null;
  /** It was made; `false` for a preview. */
  done: boolean;
  /** Streams whose engine was asked for that estimate. */
  estimated: number;
  /** Its name. */
  job?: string | null;
  /** What stands in the way, or should be known. */
  problems: Problem[];
  /** Streams: tenants by datasets. */
  streams: number;
  /** Tenants whose logs are read. */
  tenants: number;
  /** Windows that are read. */
  windows: number;
};

/** Read a stretch of the past again, in a lane of its own. */
export type LogBackfillRequest = {
  /** How much it may read, such as `50GiB`. */
  bytes_max?: string | null;
  /** From this moment, or this day. */
  from: string;
  /** Only say what it would touch. */
  preview?: boolean;
  /** Why. */
  reason?: string;
  /** Which rule. */
  rule: string;
  /** `each`, `digest` or `nothing`; `digest` when left out. */
  tell?: string | null;
  /** At which tenants: names or patterns with `*`; all that the rule runs at, when empty. */
  tenants?: string[];
  /** Up to this moment; a day means to its end. */
  to: string;
};

/** A backfill. */
export type LogBackfillView = {
  /** By whom. */
  actor: string;
  /** When it was asked for. */
  at: string;
  /** How many bytes it may read. */
  bytes_max?: number | null;
  /** From which moment. */
  from: string;
  /** Its name: part of the lanes of its streams. */
  name: string;
  /** Why. */
  reason: string;
  /** Which rule. */
  rule: string;
  /** `running`, `done`, `over_budget` or `cancelled`. */
  state: string;
  /** Streams that have begun. */
  streams: number;
  /** `each`, `digest` or `nothing`. */
  tell: string;
  /** At which tenants. */
  tenants: string[];
  /** Up to which. */
  to: string;
  /** Windows that are open. */
  windows_open: number;
  /** Windows that are settled. */
  windows_settled: number;
};

/** All streams of one tenant and rule: the worst state and the longest lag among them. */
export type LogCell = {
  /** The dataset of the worst of them. */
  dataset: string;
  /** Why it failed last or waits. */
  failure?: string | null;
  /** Windows that were given up. */
  gaps: number;
  /** How far the checkpoint is behind the clock, in milliseconds; unknown for cursors and streams that never ran. */
  lag_millis?: number | null;
  /** Its part, epoch and lane are those of the live stream with this part. */
  part: string;
  /** `ok`, `waiting`, `paused`, `behind`, `failing`, `gap` or `stopped`. */
  state: string;
  /** How many streams. */
  streams: number;
};

/** A sentence that somebody left. */
export type LogCommentView = {
  /** Who. */
  actor: string;
  /** When. */
  at: string;
  /** What. */
  text: string;
};

/** A value and how often it is met. */
export type LogCount = {
  /** How often. */
  count: number;
  /** The value. */
  value: string;
};

/** One kind of log of a tenant. */
export type LogDatasetView = {
  /** From names that rules use to columns. */
  columns: LogSetting[];
  /** What positions count. */
  domain: string;
  /** Where it is. */
  engine: string;
  /** Column of the event's time. */
  event_time?: string | null;
  /** Column of the time at which the store took the row. */
  ingest_time?: string | null;
  /** Its name. */
  name: string;
  /** How long rows are kept, in milliseconds. */
  retention_millis?: number | null;
  /** How many rules read it. */
  rules: number;
  /** The table there. */
  table: string;
};

/** The definitions of log hunts as this server read them. */
export type LogDefinitionsView = {
  /** Channels by name. */
  channels: string[];
  /** Engines. */
  engines: number;
  /** Where they lie. */
  folder: string;
  /** When they were read. */
  loaded_at?: string | null;
  /** What is wrong with the files, as `lycaon log check` says it. */
  problems: LogFileProblem[];
  /** Changes when any file does. */
  revision: string;
  /** Rules. */
  rules: number;
  /** The files on disk have errors: what is in force is what was read before. */
  stale: boolean;
  /** Tenants. */
  tenants: number;
};

/** A page of messages, oldest first. */
export type LogDeliveryPage = {
  /** The messages. */
  items: LogDeliveryView[];
  /** In all. */
  total: number;
};

/** A message that waits for its channel. */
export type LogDeliveryView = {
  /** When it was written. */
  at: string;
  /** How often it was tried. */
  attempts: number;
  /** Which channel. */
  channel: string;
  /** Why it failed last. */
  error?: string | null;
  /** Of which findings. */
  findings: string[];
  /** No longer tried. */
  given_up: boolean;
  /** Its number. */
  id: number;
  /** The same each time it is sent. */
  key: string;
  /** Not before this moment. */
  not_before: string;
};

/** A query engine. */
export type LogEngineView = {
  /** How many queries it runs at once. */
  concurrency: number;
  /** Which kind, for instance `datafusion`. */
  kind: string;
  /** Its name. */
  name: string;
  /** Where it is: a folder or URL without secrets. */
  place: string;
  /** What runs and waits, by tenant, where a scheduler runs in this server. */
  queues: LogQueueView[];
  /** Tenants with a dataset there. */
  tenants: number;
  /** How long one may take, in milliseconds. */
  timeout_millis: number;
};

/** What a commit knows of its run. */
export type LogEvidence = {
  /** When its source is looked at again for rows that came late. */
  audit_at?: string | null;
  /** How often it was looked at again. */
  audits: number;
  /** Bytes that the engine says it read. */
  bytes: number;
  /** When it was committed. */
  committed_at: string;
  /** Findings that nobody had before. */
  findings_new: number;
  /** The state of the source before the query. */
  fingerprint?: string | null;
  /** Which revision of the rule's logic ran. */
  revision: string;
  /** Rows that matched. */
  rows: number;
  /** The source's clock. */
  source_clock?: string | null;
  /** Under which token. */
  token: number;
  /** How long the engine took, in milliseconds. */
  took_millis: number;
};

/** How many findings that match have each value. Each facet is counted without its own filter, so that its other values can still be chosen. */
export type LogFacets = {
  /** By ATT&CK technique. */
  attack: LogCount[];
  /** By dataset. */
  dataset: LogCount[];
  /** By day, newest first. */
  day: LogCount[];
  /** By rule. */
  rule: LogCount[];
  /** By severity. */
  severity: LogCount[];
  /** By what people did. */
  state: LogCount[];
  /** By tenant, commonest first. */
  tenant: LogCount[];
};

/** Something that is wrong with a definition file. */
export type LogFileProblem = {
  /** The file, as the definitions name it. */
  file: string;
  /** What and where in it. */
  problem: Problem;
};

/** A page of findings. */
export type LogFindingPage = {
  /** The findings. */
  items: LogFindingView[];
  /** In all. */
  total: number;
};

/** What a log hunt found. */
export type LogFindingView = {
  /** Who has it. */
  assignee?: string | null;
  /** ATT&CK techniques. */
  attack: string[];
  /** What groups it with others of which only the first is told. */
  bucket?: string | null;
  /** What people said, oldest first. */
  comments: LogCommentView[];
  /** Which of them. */
  dataset: string;
  /** When it was stored. */
  found_at: string;
  /** `N.…` */
  id: string;
  /** When it happened. */
  instant: string;
  /** It came too late for its live run, and a repair found it. */
  late: boolean;
  /** Channels were told of it. */
  notified: boolean;
  /** Where the match stands. */
  position: string;
  /** The revision that found it first. */
  revision_first: string;
  /** The revision that found it last. */
  revision_last: string;
  /** The row. */
  row: Record<string, unknown>;
  /** Which rule. */
  rule: string;
  /** `informational`, `low`, `medium`, `high`, `critical`. */
  severity: string;
  /** `new`, `triaged` or `closed`. */
  state: string;
  /** The exception that it falls under. */
  suppressed_by?: string | null;
  /** Whose logs. */
  tenant: string;
  /** What the rule calls it. */
  title: string;
  /** What it turned out to be. */
  verdict?: string | null;
  /** `W.…`, the window that found it first. */
  window: string;
  /** That window's first position. */
  window_from: string;
  /** The first position after. */
  window_to: string;
};

/** Tenants by rules. */
export type LogGrid = {
  /** The rows of this page. */
  items: LogGridRow[];
  /** The columns. */
  rules: LogGridRule[];
  /** How many rows there are in all. */
  total: number;
};

/** A row of the grid. */
export type LogGridRow = {
  /** One for each rule, in the order of the columns; `null` where the rule does not run. */
  cells: (LogCell | null)[];
  /** `hold` or `skip` while it is paused. */
  paused?: string | null;
  /** Whose logs. */
  tenant: string;
};

/** A column of the grid. */
export type LogGridRule = {
  /** It does not run. */
  disabled: boolean;
  /** Its name. */
  name: string;
  /** How bad a match is. */
  severity: string;
  /** For people. */
  title: string;
};

/** One of the ledgers of one tenant, dataset and rule. */
export type LogLedgerName = {
  /** How often its position was started anew. */
  epoch: number;
  /** `live`, `repair.N`, `backfill.NAME`. */
  lane: string;
  /** A shard or partition. */
  part: string;
};

/** A page of notes, newest first. */
export type LogNotePage = {
  /** The notes. */
  items: LogNoteView[];
  /** In all. */
  total: number;
};

/** Who changed what of log hunts, and why. */
export type LogNoteView = {
  /** What was done. */
  action: string;
  /** Who. */
  actor: string;
  /** When. */
  at: string;
  /** Why, and with which values. */
  reason: string;
  /** To what. */
  subject: string;
};

/** What differs for one rule at one tenant. */
export type LogOverrideView = {
  /** It does not run there. */
  disabled: boolean;
  /** Matches that satisfy one of these are stored and not told. */
  exceptions: string[];
  /** When it ends. */
  expires?: string | null;
  /** Who answers for it. */
  owner?: string | null;
  /** Why. */
  reason?: string | null;
  /** Which rule. */
  rule: string;
  /** Another severity. */
  severity?: string | null;
  /** At which tenant. */
  tenant: string;
};

/** How log hunts stand, in numbers. */
export type LogOverview = {
  /** Backfills that run. */
  backfills_running: number;
  /** Whether this server has definitions of log hunts. */
  configured: boolean;
  /** When the streams were counted last; lags are those of this moment. */
  counted_at: string;
  /** Findings by what people did: new, triaged, closed. */
  findings: LogCount[];
  /** Findings of the last 14 days, by day. */
  findings_by_day: LogCount[];
  /** Findings that nobody has looked at, by severity. */
  findings_new: LogCount[];
  /** Windows that were given up and wait for somebody. */
  gaps: number;
  /** The longest lag of a stream that is not paused, in milliseconds. */
  lag_millis_max: number;
  /** The server's clock. */
  now: string;
  /** Messages that wait for their channel. */
  outbox_waiting: number;
  /** What is wrong with the definitions: errors. */
  problems: number;
  /** Rules that are not disabled. */
  rules: number;
  /** Whether a scheduler runs in this server; otherwise the records are only shown. */
  running: boolean;
  /** Live streams, by state. */
  streams: LogStateCounts;
  /** Tenants. */
  tenants: number;
  /** Of these, paused. */
  tenants_paused: number;
  /** What is wrong otherwise, as sentences. */
  troubles: string[];
};

/** A page of log lines. */
export type LogPage = {
  /** The lines, oldest first. */
  items: LogView[];
  /** In all. */
  total: number;
};

/** Pause a tenant. */
export type LogPauseRequest = {
  /** `hold`: the time is read afterwards; `skip`: it is left out, explicitly. */
  mode: string;
  /** Only say what it would touch. */
  preview?: boolean;
  /** Why. */
  reason?: string;
};

/** A pause. */
export type LogPauseView = {
  /** By whom. */
  actor: string;
  /** `hold`: the time is read afterwards; `skip`: it is left out, explicitly. */
  mode: string;
  /** Why. */
  reason: string;
  /** Since when. */
  since: string;
};

/** What runs and waits for one tenant at one engine. */
export type LogQueueView = {
  /** `closed` (all is well), `open` (nothing is asked) or `half_open` (one is tried). */
  breaker: string;
  /** Until when nothing is asked. */
  breaker_until?: string | null;
  /** Bytes read since midnight UTC. */
  bytes_today: number;
  /** Which engine. */
  engine: string;
  /** Why. */
  failure?: string | null;
  /** Queries under way. */
  running: number;
  /** Which tenant. */
  tenant: string;
  /** Windows that are due and wait. */
  waiting: number;
};

/** What one revision evaluated. */
export type LogRevisionView = {
  /** Its first commit. */
  first_commit: string;
  /** The earliest position. */
  from: string;
  /** Some tenant runs it now. */
  in_force: boolean;
  /** Its last. */
  last_commit: string;
  /** The revision of the rule's logic. */
  revision: string;
  /** Rows that matched. */
  rows: number;
  /** At how many tenants. */
  tenants: number;
  /** The latest. */
  to: string;
  /** Windows that it committed. */
  windows: number;
};

/** Which revisions of a rule evaluated what. */
export type LogRevisionsView = {
  /** Those of the newest windows, newest commit first. */
  items: LogRevisionView[];
  /** Windows that it has committed in all. */
  windows: number;
  /** Windows that were looked at. */
  windows_read: number;
};

/** A page of rules. */
export type LogRulePage = {
  /** The rules. */
  items: LogRuleSummary[];
  /** In all. */
  total: number;
};

/** A rule in a list. */
export type LogRuleSummary = {
  /** ATT&CK techniques. */
  attack: string[];
  /** `per_event`, `windowed` or `opaque`. */
  class: string;
  /** Which datasets it reads. */
  datasets: string[];
  /** It does not run. */
  disabled: boolean;
  /** Findings that nobody has looked at. */
  findings_new: number;
  /** Its name. */
  name: string;
  /** `sql`, `sigma` or `correlation`. */
  question: string;
  /** When it runs, as a sentence. */
  schedule: string;
  /** How bad a match is. */
  severity: string;
  /** Its streams by state. */
  streams: LogStateCounts;
  /** For people. */
  title: string;
};

/** A rule. */
export type LogRuleView = {
  /** Whether this server can run its tests. */
  can_test: boolean;
  /** What it finds and what to do then. */
  description: string;
  /** The file it stands in. */
  file: string;
  /** Findings by what people did. */
  findings: LogCount[];
  /** Channels that are told. */
  notify: string[];
  /** Where tenants differ from it. */
  overrides: LogOverrideView[];
  /** What is wrong with its file. */
  problems: LogFileProblem[];
  /** The revision of its logic. */
  revision: string;
  /** Its schedule in full: name and value. */
  settings: LogSetting[];
  /** Its document, as written. */
  source_text: string;
  /** How far apart the rows of a match may be, in milliseconds, when it is windowed. */
  span_millis?: number | null;
  /** In short. */
  summary: LogRuleSummary;
  /** Which not. */
  tenants_exclude: string[];
  /** Which tenants, as patterns. */
  tenants_include: string[];
  /** Names of its tests. */
  tests: string[];
};

/** A page of attempts, newest first. */
export type LogRunPage = {
  /** The attempts. */
  items: LogRunView[];
  /** In all. */
  total: number;
};

/** One attempt at a window. */
export type LogRunView = {
  /** Bytes read. */
  bytes?: number | null;
  /** When it ended. */
  ended_at: string;
  /** Findings that nobody had before. */
  findings_new?: number | null;
  /** The first position of its window. */
  from: string;
  /** `committed`, `failed` or `lost`. */
  outcome: string;
  /** Which scheduler. */
  owner: string;
  /** Why it failed. */
  reason?: string | null;
  /** Rows that matched. */
  rows?: number | null;
  /** The first position after. */
  to: string;
  /** Under which token. */
  token: number;
  /** How long it took, in milliseconds. */
  took_millis?: number | null;
};

/** One window, or neighbours of one state joined. */
export type LogSegment = {
  /** Findings that nobody had before. */
  findings: number;
  /** Microseconds since 1970, or the cursor's number. */
  from: number;
  /** The revision of the rule's logic, when it is one. */
  revision?: string | null;
  /** Rows that matched. */
  rows: number;
  /** The state of its windows; of joined ones the one that matters most. */
  state: string;
  /** The position after. */
  to: number;
  /** The window's id, when it is one. */
  window?: string | null;
  /** How many windows. */
  windows: number;
};

/** One setting, as a person reads it. */
export type LogSetting = {
  /** Its name in the file. */
  name: string;
  /** Its value. */
  value: string;
};

/** How many streams are in each state. */
export type LogStateCounts = {
  /** Further behind than twice their interval. */
  behind: number;
  /** Their last run failed. */
  failing: number;
  /** They have windows that were given up. */
  gap: number;
  /** On time. */
  ok: number;
  /** Their tenant is paused. */
  paused: number;
  /** They wait for a person. */
  stopped: number;
  /** Never run so far. */
  waiting: number;
};

/** A page of streams. */
export type LogStreamPage = {
  /** The streams. */
  items: LogStreamSummary[];
  /** In all. */
  total: number;
};

/** A stream in a list. */
export type LogStreamSummary = {
  /** The end of what is settled; a moment or a number. `null` before the first run. */
  checkpoint?: string | null;
  /** Which of them. */
  dataset: string;
  /** How often its position was started anew. */
  epoch: number;
  /** Why it failed last or waits. */
  failure?: string | null;
  /** Windows that were given up. */
  gaps: number;
  /** See `LogCell::lag_millis`. */
  lag_millis?: number | null;
  /** When it last committed or failed. */
  last_run?: string | null;
  /** A shard or partition; empty for the whole. */
  part: string;
  /** Which rule. */
  rule: string;
  /** See `LogCell::state`. */
  state: string;
  /** Whose logs. */
  tenant: string;
};

/** A stream. */
export type LogStreamView = {
  /** The end of the prefix of settled windows. */
  checkpoint: string;
  /** Which of them. */
  dataset: string;
  /** What positions count: `event_time`, `ingest_time` or `cursor`. */
  domain: string;
  /** Why it waits, is closed, or failed last. */
  failure?: string | null;
  /** `transient`, `throttled`, `too_large`, `permanent` or `source_changed`. */
  failure_class?: string | null;
  /** When it was last seen to. */
  heartbeat: string;
  /** The interval of its rule, in milliseconds, where it has one. */
  interval_millis?: number | null;
  /** See `LogCell::lag_millis`. */
  lag_millis?: number | null;
  /** When it last committed or failed. */
  last_run?: string | null;
  /** The last tick that it saw. */
  last_tick?: string | null;
  /** Which ledger. */
  ledger: LogLedgerName;
  /** All ledgers of this tenant, dataset and rule. */
  ledgers: LogLedgerName[];
  /** The next tick of its rule. */
  next_tick?: string | null;
  /** When it was opened. */
  opened_at: string;
  /** `hold` or `skip` while its tenant is paused. */
  paused?: string | null;
  /** The end of what has been cut into windows. */
  planned_to: string;
  /** Which rule. */
  rule: string;
  /** When it runs, as a sentence. */
  schedule: string;
  /** The source's identity when it was first read. */
  source_identity?: string | null;
  /** See `LogCell::state`; `closed` when its epoch is over. */
  state: string;
  /** Where it starts. */
  t0: string;
  /** Whose logs. */
  tenant: string;
  /** The last lease that was granted. */
  token: number;
  /** Its windows by state. */
  windows: LogCount[];
};

/** A page of tenants. */
export type LogTenantPage = {
  /** The tenants. */
  items: LogTenantSummary[];
  /** In all. */
  total: number;
};

/** A tenant in a list. */
export type LogTenantSummary = {
  /** Names of its datasets. */
  datasets: string[];
  /** Findings that nobody has looked at. */
  findings_new: number;
  /** The longest lag, in milliseconds. */
  lag_millis_max: number;
  /** Its name. */
  name: string;
  pause?: LogPauseView | null;
  /** Its streams by state. */
  streams: LogStateCounts;
};

/** A tenant. */
export type LogTenantView = {
  /** What may be read for it per day, in bytes. */
  bytes_per_day?: number | null;
  /** How many of its queries run at once. */
  concurrency: number;
  /** Its logs. */
  datasets: LogDatasetView[];
  /** What differs for it. */
  overrides: LogOverrideView[];
  /** Its queues, one for each engine, where a scheduler runs in this server. */
  queues: LogQueueView[];
  /** In short. */
  summary: LogTenantSummary;
  /** Its share in the choice of what runs next. */
  weight: number;
};

/** What one test said. */
export type LogTestOutcome = {
  /** What was found instead; empty when it passed. */
  message: string;
  /** Its name. */
  name: string;
  /** It passed. */
  ok: boolean;
};

/** What a rule's tests said. */
export type LogTestReport = {
  /** All passed. */
  ok: boolean;
  /** One for each test. */
  outcomes: LogTestOutcome[];
};

/** A ledger as a line of segments. */
export type LogTimeline = {
  /** The end of what is settled. */
  checkpoint: number;
  /** What positions count. */
  domain: string;
  /** The first position of the line. */
  from: number;
  /** Windows at its beginning that were too many to read. */
  left_out: number;
  /** The server's clock as a position, in the time domains. */
  now?: number | null;
  /** The end of what has been cut. */
  planned_to: number;
  /** The segments, in order. */
  segments: LogSegment[];
  /** Where the stream starts. */
  t0: number;
  /** The position after its last. */
  to: number;
  /** Windows in this stretch. */
  windows: number;
};

/** What somebody says of findings; what is left out stays. */
export type LogTriage = {
  /** Who has it now; an empty text for nobody. */
  assignee?: string | null;
  /** A sentence. */
  comment?: string | null;
  /** `N.…`, at most 500. */
  findings: string[];
  /** `new`, `triaged` or `closed`. */
  state?: string | null;
  /** What it turned out to be; an empty text for nothing. */
  verdict?: string | null;
};

/** One line of a flow's log. */
export type LogView = {
  /** `DEBUG`, `INFO`, `DEFAULT`, `WARN`, `ERROR`, `ALERT`. */
  level: string;
  /** What was said. */
  text: string;
  /** By the client's clock. */
  time: string;
};

/** Leave a stretch of a stream out, on purpose. */
export type LogWaiveRequest = {
  /** From this position. */
  from: string;
  /** Only say what it would touch. */
  preview?: boolean;
  /** Why. */
  reason?: string;
  /** Up to this position. */
  to: string;
};

/** Why a window is as it is. */
export type LogWindowExplanation = {
  /** What may be done: `waive`, `reopen`. */
  actions: string[];
  /** Findings of this window. */
  findings: number;
  /** The attempts at windows that meet it, newest first. */
  runs: LogRunView[];
  /** Why these bounds, who ran it, what it read; one sentence each. */
  sentences: string[];
  /** The window. */
  window: LogWindowView;
};

/** A page of windows. */
export type LogWindowPage = {
  /** The windows. */
  items: LogWindowView[];
  /** In all. */
  total: number;
};

/** One window of a ledger. */
export type LogWindowView = {
  /** Who waived it, or which scheduler has it. */
  actor?: string | null;
  /** Attempts that failed so far. */
  attempts: number;
  /** Which of them. */
  dataset: string;
  evidence?: LogEvidence | null;
  /** The first position inside. */
  from: string;
  /** `W.…` */
  id: string;
  /** Which ledger. */
  ledger: LogLedgerName;
  /** When it last moved. */
  moved_at: string;
  /** When it was cut. */
  planned_at: string;
  /** Why it failed last, why it was waived. */
  reason?: string | null;
  /** Which rule. */
  rule: string;
  /** Its state's word. */
  state: string;
  /** Whose logs. */
  tenant: string;
  /** The tick that cut it. */
  tick: string;
  /** The first position after. */
  to: string;
  /** Not tried again before this moment; or until when its lease runs. */
  until?: string | null;
};

/** Signed in. */
export type LoginReply = {
  /** To be repeated in `crate::CSRF_HEADER` with every change; empty for tokens. */
  csrf: string;
  /** When the session ends. */
  expires: string;
  /** For programs; empty for browsers. */
  token: string;
  /** User name. */
  user: string;
};

/** Sign in. */
export type LoginRequest = {
  /** Password. */
  password: string;
  /** `true`: answer with a token for programs instead of a cookie. */
  token?: boolean;
  /** User name. */
  user: string;
};

/** A page of members. */
export type MemberPage = {
  /** The members. */
  items: MemberView[];
  /** In all. */
  total: number;
};

/** A member. */
export type MemberView = {
  /** When it was admitted. */
  admitted?: string | null;
  /** From 1. */
  attempt: number;
  /** `C.…` */
  client: string;
  /** When it was decided. */
  decided: string;
  /** `F.…` */
  flow?: string | null;
  /** That client's name. */
  hostname: string;
  /** Why it is there. */
  reason: string;
  /** The revision under which it was decided. */
  revision: number;
  /** The queue. */
  state: string;
  /** When it last changed. */
  updated: string;
};

/** One event artifact that is wanted. */
export type MonitoringEntry = {
  /** The artifact's name. */
  artifact: string;
  /** On clients with this label; left out: on all. */
  label?: string | null;
  /** Within which limits. */
  limits?: MonitoringLimits;
  /** Parameters that differ from their default, as text. */
  parameters?: Record<string, string>;
};

/** One entry, with what is wrong with it now. */
export type MonitoringEntryView = {
  /** The artifact's name. */
  artifact: string;
  /** On clients with this label; `null`: on all. */
  label?: string | null;
  /** Within which limits. */
  limits: MonitoringLimits;
  /** Parameters that differ from their default, as text. */
  parameters: Record<string, string>;
  /** Why it does not run anywhere, when it was good before and is not now. */
  problem?: string | null;
};

/** What a monitored artifact may use on one client; texts such as `64KiB` and `5s`. What is left out is as the artifact's author wishes. */
export type MonitoringLimits = {
  /** Bytes in one batch. */
  batch_bytes?: string | null;
  /** Rows in one batch. */
  batch_rows?: number | null;
  /** How long a row waits for its batch to fill. */
  batch_wait?: string | null;
  /** Percent of one processor for each source: `5%`, or `0` for no limit. */
  cpu?: string | null;
  /** Rows in a second for each source; a source that gives more is slowed down. 0: no limit. */
  rows_per_second?: number | null;
};

/** One event artifact that is not wanted any more. */
export type MonitoringRemove = {
  /** The artifact's name. */
  artifact: string;
  /** The label of the entry; left out: the entry for all clients. */
  label?: string | null;
};

/** All event artifacts that are wanted, instead of those before. */
export type MonitoringSet = {
  /** The entries. Of two with the same label and artifact the last counts. */
  entries: MonitoringEntry[];
  /** The revision that they were made from; when another change came between, nothing is changed. */
  revision?: number | null;
};

/** What is monitored. */
export type MonitoringView = {
  /** Those for all clients first, then by label. */
  entries: MonitoringEntryView[];
  /** Grows by one with each change. */
  revision: number;
};

/** One server process of an installation. */
export type NodeView = {
  /** Where agents connect to it. */
  agents: string;
  /** Whether it is the one that answers. */
  answers: boolean;
  /** Agents that are connected to it. */
  clients: number;
  /** What it does for all nodes. */
  duties: string[];
  /** `N.…`, another one after each start. */
  id: string;
  /** Its name. */
  name: string;
  /** Where people connect to it. */
  people: string;
  /** Milliseconds since its last sign of life. */
  silent_ms: number;
  /** When it started. */
  started: string;
  /** The version of its program. */
  version: string;
};

/** The first page's numbers. */
export type Overview = {
  /** Clients enrolled. */
  clients: number;
  /** Flows under way. */
  flows_running: number;
  /** Hunts by state. */
  hunts_running: number;
  /** Paused or draining. */
  hunts_waiting: number;
  /** Of these, connected now. */
  online: number;
  /** What is wrong, if anything. */
  problems: string[];
};

/** A parameter. */
export type ParameterView = {
  /** Allowed values; empty for all. */
  choices: string[];
  /** Used when it is left out. */
  default: string;
  /** What it means. */
  description: string;
  /** `string`, `int`, `bool`, `timestamp`, `regex`, `csv`, `choices`, … */
  kind: string;
  /** For people; its name when there is no better. */
  label: string;
  /** Its name. */
  name: string;
  /** The value must match this; empty for none. */
  validating_regex: string;
};

/** One client of a preview's sample. */
export type PreviewClient = {
  /** Short name. */
  hostname: string;
  /** `C.…` */
  id: string;
  /** The server's labels. */
  labels: string[];
  /** When it was last heard of. */
  last_seen: string;
  /** Connected now. */
  online: boolean;
  /** `linux`, `windows`, `darwin`. */
  os: string;
};

/** So many clients. */
export type PreviewCount = {
  /** How many. */
  clients: number;
  /** With this label, system or reason. */
  name: string;
  /** Of these, connected now. */
  online: number;
};

/** One problem in a text, a field or a parameter. */
export type Problem = {
  /** Column from 1. */
  column?: number | null;
  /** First byte after it. */
  end?: number | null;
  /** The field: `condition.server`, `artifacts[0].parameters.glob`, or empty. */
  field: string;
  /** How to mend it. */
  hint: string;
  /** Line from 1, where it is about a text. */
  line?: number | null;
  /** What is wrong. */
  message: string;
  /** `error` or `warning`. */
  severity: string;
  /** First byte in the text, where it is about a text. */
  start?: number | null;
};

/** How many clients stand in each queue. */
export type QueueCounts = {
  /** Were sent the question and have not answered yet; counted in memory. */
  asked: number;
  /** Were cancelled. */
  cancelled: number;
  /** Finished without rows or files. */
  completed: number;
  /** Ran out of time. */
  expired: number;
  /** Their last attempt failed. */
  failed: number;
  /** Match and wait. */
  pending: number;
  /** Do not match. */
  refused: number;
  /** Finished with rows or files. */
  results: number;
  /** Their flow is under way. */
  running: number;
};

/** Counters against a count of the records. */
export type Recount = {
  /** As kept. */
  counters: QueueCounts;
  /** They are the same. */
  equal: boolean;
  /** As counted now. */
  recount: QueueCounts;
  /** Rows that finished flows declared. */
  rows_declared: number;
  /** Rows that are stored for them. */
  rows_stored: number;
};

/** A client by one of its names. */
export type ResolvedClient = {
  /** `C.…` */
  client: string;
  /** As the list names it. */
  name: string;
};

/** What a repetition by hand did. */
export type Retried = {
  /** So many clients wait for another attempt. */
  clients: number;
};

/** Let failed clients of a hunt run again. */
export type RetryRequest = {
  /** Only those that failed like this. */
  class?: string | null;
  /** Only this client. */
  client?: string | null;
  /** Another stretch without progress. */
  progress_timeout?: string | null;
  /** Another limit of rows. */
  rows?: number | null;
  /** Another time for each: `20m`. */
  timeout?: string | null;
  /** Another limit of files' bytes: `4GiB`. */
  upload_bytes?: string | null;
};

/** How one class of failure is repeated. */
export type RetryRule = {
  /** The limit that was hit, for the next attempt: `200%` doubles it. */
  limit?: string;
  /** Attempts after the first; 0 for by hand only. */
  times: number;
};

/** One revision of a hunt. */
export type RevisionView = {
  /** When it was made. */
  at: string;
  /** By whom. */
  by: string;
  /** What it changed; empty for the first. */
  changes: FieldChange[];
  /** From 1. */
  revision: number;
};

/** What became of one client. */
export type RosterOutcome = {
  /** `C.…` */
  client: string;
  /** For a person. */
  explanation: string;
  /** Its name. */
  hostname: string;
  /** `queued`, `waits`, `stays`, `full`, `removed`, `unknown`. */
  outcome: string;
};

/** What became of each client. */
export type RosterReply = {
  /** How many were changed. */
  changed: number;
  /** One for each, in the order of the request. */
  items: RosterOutcome[];
};

/** Put clients into a hunt, or take them out while they wait. */
export type RosterRequest = {
  /** Ids or host names. */
  clients?: string[];
  /** More of them, as `ClientListRequest::text`. */
  clients_text?: string;
};

/** A page of rounds, oldest first. */
export type RoundPage = {
  /** The rounds. */
  items: RoundView[];
  /** In all. */
  total: number;
};

/** A round of a hunt. */
export type RoundView = {
  /** Its queues. */
  counts: QueueCounts;
  /** From 1. */
  round: number;
  /** Its tick; the start of the hunt for the first. */
  tick: string;
};

/** A page of rows. */
export type RowPage = {
  /** The rows. */
  items: RowView[];
  /** How many pass the filters in all. */
  total: number;
};

/** One row, with where it comes from. */
export type RowView = {
  /** `C.…` */
  client: string;
  /** `F.…` */
  flow: string;
  /** That client's name. */
  hostname: string;
  /** In which round, when that flow is of a hunt. */
  round?: number | null;
  /** The row itself. */
  row: Record<string, unknown>;
  /** The source. */
  source: string;
  /** When it arrived. */
  stored: string;
};

/** How much one source has brought. */
export type SourceView = {
  /** Its columns, in the order in which they were first met. */
  columns: string[];
  /** Its rows. */
  rows: number;
  /** `Artifact` or `Artifact/Source`. */
  source: string;
};

/** A question in SQL over the table `results`. */
export type SqlRequest = {
  /** Of all rounds of a hunt together; not with `round`. */
  all_rounds?: boolean | null;
  /** Rows at most. */
  limit?: number | null;
  /** One SELECT. */
  query?: string;
  /** Of this round of a hunt; the current one when left out. */
  round?: number | null;
  /** Of this source only. */
  source?: string | null;
};

/** The answer to a question in SQL. */
export type SqlView = {
  /** Its columns, in order. */
  columns: string[];
  /** Its rows. */
  rows: Record<string, unknown>[];
  /** Whether there were more rows than may be shown. */
  truncated: boolean;
};

/** Ends a hunt whose clients fail too often. */
export type StopWhen = {
  /** Not before so many clients have finished. */
  after_clients?: number;
  /** Failed among finished clients: `20%`. */
  failed_share: string;
};

/** Add and remove tags of a hunt. */
export type TagChange = {
  /** To add. */
  add?: string[];
  /** To remove. */
  remove?: string[];
};

/** Make an enrolment token. */
export type TokenRequest = {
  /** How long it may be used: `1h`, `7d`. */
  expires_after: string;
  /** Labels for every client that enrols with it. */
  labels?: string[];
  /** How often. */
  uses_max: number;
};

/** An enrolment token. */
export type TokenView = {
  /** When it ends. */
  expires: string;
  /** Public part. */
  id: string;
  /** Labels it grants. */
  labels: string[];
  /** It was withdrawn. */
  revoked: boolean;
  /** The whole token; only in the answer to its making. */
  token?: string | null;
  /** How often it was. */
  uses: number;
  /** How often it may be used. */
  uses_max: number;
};

/** A tool: a file that is kept, or a name that artifacts want and for which none is kept. */
export type ToolView = {
  /** Artifacts that declare it. */
  artifacts: string[];
  /** What the file is called; empty when none is kept. */
  filename: string;
  /** Its name. */
  name: string;
  /** Of its content, in hex; `null` when no file is kept. */
  sha256?: string | null;
  /** Bytes. */
  size: number;
  /** When it was kept. */
  stored?: string | null;
  /** Its version; empty for none. */
  version: string;
};

/** Something that is wrong with the server now. */
export type TroubleView = {
  /** Since when it is known. */
  since: string;
  /** What: a whole sentence. */
  what: string;
  /** What works all the same; empty when that is not known. */
  works: string;
};

/** A page of uploads. */
export type UploadPage = {
  /** The files. */
  items: UploadView[];
  /** In all. */
  total: number;
};

/** An uploaded file. */
export type UploadView = {
  /** The accessor it was read through. */
  accessor: string;
  /** `U.…` */
  id: string;
  /** The path on the client. */
  path: string;
  /** Hex; absent while it arrives. */
  sha256?: string | null;
  /** Bytes. */
  size: number;
  /** When it was complete. */
  stored?: string | null;
};

/** Check VQL. */
export type VqlCheck = {
  /** `client` (all names) or `server_condition` (only names without permissions). */
  kind: string;
  /** The text. */
  text: string;
};

/** What may stand at a place of a text. */
export type VqlCompletion = {
  /** The first byte that an offer replaces. */
  from: number;
  /** The offers, the likeliest first. */
  offers: VqlOffer[];
  /** The first byte behind what an offer replaces. */
  to: number;
};

/** Ask what may stand at a place of a text that is being written. */
export type VqlCompletionQuery = {
  /** The place, in bytes of UTF-8 from the start. */
  at: number;
  /** See `VqlCheck::kind`. */
  kind: string;
  /** The text. */
  text: string;
};

/** One thing that may stand at a place. */
export type VqlOffer = {
  /** Its form in one line; may be empty. */
  detail: string;
  /** What it means; may be empty. */
  doc: string;
  /** `argument`, `column`, `variable`, `plugin`, `function`, `artifact`, `accessor`, `keyword`. */
  kind: string;
  /** What is inserted. */
  text: string;
};

/** Evaluate VQL on the server. */
export type VqlQuery = {
  /** Variables that it knows, as text. */
  env?: Record<string, string>;
  /** Rows at most; 100,000 when left out. */
  rows_max?: number | null;
  /** How long it may take: `10m` when left out, `1h` at most. */
  timeout?: string | null;
  /** The query. */
  vql: string;
};

/** Who the caller is. */
export type WhoAmI = {
  /** The CSRF token of this session; empty for programs. */
  csrf: string;
  /** The tenant. */
  org: string;
  /** What the user may do. */
  roles: string[];
  /** User name. */
  user: string;
  /** The server's version. */
  version: string;
};

/** Why a client is or is not in a hunt. */
export type WhyView = {
  /** `C.…` */
  client: string;
  /** For a person: where it stands, since when, and why. */
  explanation: string;
  /** Its name. */
  hostname: string;
  member?: MemberView | null;
  /** For a person: what comes next; empty when nothing does. */
  next: string;
  /** `member`, `refused`, `asked`, `not_seen`, `not_asked`. */
  verdict: string;
};

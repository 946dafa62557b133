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

/** Selects clients by the server's own record. */
export type ClientFilter = {
  /** Any of these clients. */
  clients?: string[];
  /** Any of these labels. */
  labels?: string[];
  /** `any`, or one operating system. */
  os?: string | null;
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
  /** The server's version. */
  version: string;
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
  condition?: HuntCondition | null;
  /** New description. */
  description?: string | null;
  /** New expiry, from the start. */
  expires?: string | null;
  limits?: HuntLimits | null;
  /** New rate. */
  rate?: string | null;
  /** The revision that this edit was made from; refused when another came first. */
  revision?: number;
};

/** Limits of a hunt. Zero: none. */
export type HuntLimits = {
  /** Clients recruited in all. */
  clients?: number;
  /** What each client's flow may use. */
  per_client?: FlowLimits;
  /** Flows under way at once. */
  running?: number;
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
  /** Clients that would be asked. */
  asked: number;
  /** Clients excluded by include and exclude. */
  excluded: number;
  /** Of these, connected now. */
  online: number;
  /** What is wrong with the request; empty when it could be made. */
  problems: Problem[];
};

/** Make a hunt. This is also the form of `hunt.yaml`. */
export type HuntRequest = {
  /** What is collected. */
  artifacts: ArtifactCall[];
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
  /** Start it at once. */
  start?: boolean;
};

/** A hunt. */
export type HuntView = {
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
  /** Why: `asked`, `expired`, `client_limit`. */
  ended_reason?: string | null;
  /** When it ends by itself. */
  expires?: string | null;
  /** `H.…` */
  id: string;
  /** Counts edits, from 1. */
  revision: number;
  /** The current round. */
  round: number;
  /** Rows of finished clients. */
  rows: number;
  /** What was asked for, in the present revision. */
  spec: HuntRequest;
  /** When it was started. */
  started?: string | null;
  /** `draft`, `running`, `paused`, `draining`, `stopped`, `completed`, `archived`. */
  state: string;
  /** Files of finished clients. */
  uploads: number;
  /** What may be done with it now: `start`, `pause`, `drain`, `resume`, `stop`, `archive`. */
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
  kind: "missed";
};

/** A page of log lines. */
export type LogPage = {
  /** The lines, oldest first. */
  items: LogView[];
  /** In all. */
  total: number;
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
  /** For a person. */
  explanation: string;
  member?: MemberView | null;
  /** `member`, `refused`, `asked`, `not_seen`, `not_asked`. */
  verdict: string;
};

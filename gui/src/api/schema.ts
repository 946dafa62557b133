// Bodies and answers of the HTTP API. Written by `npm run api-types` from crates/api/openapi.json: do not edit.

export interface Problem { field: string; start?: number | null; end?: number | null; line?: number | null; column?: number | null; severity: string; message: string; hint: string }
export interface ErrorBody { message: string; hint: string; request_id: string; problems: Problem[] }
export interface LoginRequest { user: string; password: string; token?: boolean }
export interface LoginReply { user: string; csrf: string; token: string; expires: string }
export interface WhoAmI { user: string; org: string; roles: string[]; csrf: string; version: string }
export interface Overview { clients: number; online: number; hunts_running: number; hunts_waiting: number; flows_running: number; problems: string[] }
export interface TokenRequest { labels?: string[]; expires_after: string; uses_max: number }
export interface TokenView { id: string; token?: string | null; labels: string[]; expires: string; uses_max: number; uses: number; revoked: boolean }
export interface AuditEntry { time: string; actor: string; action: string; object: string; detail: string }
export interface AuditPage { items: AuditEntry[]; total: number }
export interface ClientView { id: string; hostname: string; fqdn: string; os: string; platform: string; architecture: string; agent_version: string; labels: string[]; online: boolean; address?: string | null; first_seen: string; last_seen: string; revoked_at?: string | null }
export interface ClientPage { items: ClientView[]; total: number }
export interface LabelChange { add?: string[]; remove?: string[] }
export interface ArtifactCall { name: string; parameters?: Record<string, string> }
export interface FlowLimits { rows?: number; upload_bytes?: string; cpu?: string; timeout?: string; progress_timeout?: string }
export interface FlowRequest { client: string; artifacts: ArtifactCall[]; limits?: FlowLimits }
export interface FlowView { id: string; client: string; hostname: string; hunt?: string | null; actor: string; artifacts: ArtifactCall[]; state: string; reason: string; attempt: number; rows: number; uploads: number; upload_bytes: number; cpu_millis: number; created: string; started?: string | null; ended?: string | null }
export interface FlowPage { items: FlowView[]; total: number }
export interface ClientFilter { labels?: string[]; os?: string | null; clients?: string[] }
export interface HuntCondition { client?: string | null; server?: string | null; include?: ClientFilter; exclude?: ClientFilter }
export interface HuntLimits { clients?: number; running?: number; per_client?: FlowLimits }
export interface HuntRequest { name: string; description?: string; artifacts: ArtifactCall[]; condition?: HuntCondition; rate?: string; limits?: HuntLimits; expires?: string; start?: boolean }
export interface HuntEdit { revision?: number; rate?: string | null; limits?: HuntLimits | null; expires?: string | null; condition?: HuntCondition | null; description?: string | null }
export interface QueueCounts { asked: number; refused: number; pending: number; running: number; completed: number; results: number; failed: number; cancelled: number; expired: number }
export interface HuntView { id: string; spec: HuntRequest; state: string; revision: number; round: number; counts: QueueCounts; rows: number; uploads: number; creator: string; created: string; started?: string | null; expires?: string | null; ended?: string | null; ended_reason?: string | null; ended_by?: string | null; verbs: string[] }
export interface HuntPage { items: HuntView[]; total: number }
export interface HuntPreview { asked: number; online: number; excluded: number; problems: Problem[] }
export interface MemberView { client: string; hostname: string; state: string; reason: string; revision: number; attempt: number; flow?: string | null; decided: string; admitted?: string | null; updated: string }
export interface MemberPage { items: MemberView[]; total: number }
export interface WhyView { client: string; verdict: string; explanation: string; member?: MemberView | null }
export interface Recount { counters: QueueCounts; recount: QueueCounts; equal: boolean; rows_declared: number; rows_stored: number }
export type LiveEvent =
  | { kind: 'hunt'; id: string; state: string; revision: number; counts: QueueCounts; rows: number }
  | { kind: 'flow'; id: string; client: string; state: string; rows: number }
  | { kind: 'client'; id: string; online: boolean };
export interface SourceView { source: string; rows: number; columns: string[] }
export interface RowView { client: string; hostname: string; flow: string; source: string; stored: string; row: Record<string, unknown> }
export interface RowPage { items: RowView[]; total: number }
export interface LogView { time: string; level: string; text: string }
export interface LogPage { items: LogView[]; total: number }
export interface UploadView { id: string; path: string; accessor: string; size: number; sha256?: string | null; stored?: string | null }
export interface UploadPage { items: UploadView[]; total: number }
export interface ArtifactSummary { name: string; kind: string; summary: string; built_in: boolean; sources: string[] }
export interface ParameterView { name: string; label: string; description: string; kind: string; default: string; choices: string[]; validating_regex: string }
export interface ArtifactSourceView { name: string; description: string; precondition: string; query: string }
export interface ArtifactView { name: string; kind: string; description: string; author: string; references: string[]; parameters: ParameterView[]; sources: ArtifactSourceView[]; yaml: string; built_in: boolean }
export type ArtifactCheck = { call: ArtifactCall } | { yaml: string };
export interface VqlCheck { text: string; kind: string }
export interface CheckReport { ok: boolean; problems: Problem[] }
export interface Health { status: string; problems: string[]; version: string }

//! What people's programs ask the server: paths, bodies and answers of the HTTP API, version 1.
//!
//! Used by the server's handlers, by the command line, and (through the OpenAPI document) by the
//! GUI. Knows nothing of HTTP libraries and nothing of how an answer is found.
//!
//! # Conventions
//!
//! - Everything lives below [`PREFIX`]; bodies and answers are JSON unless a line says otherwise.
//! - Ids are spelled `C.…`, `F.…`, `H.…`; moments are RFC 3339 in UTC; sizes are bytes; durations
//!   in requests are texts such as `10m`, in answers milliseconds.
//! - Lists take `offset`, `limit` (default 50, at most 1000), `sort`, `desc` and answer a page.
//! - Errors have the status that fits and an [`ErrorBody`].
//! - Browsers sign in with a cookie and send the [`CSRF_HEADER`] with every change; programs send
//!   `Authorization: Bearer TOKEN`.
//!
//! | method and path | asks | answers |
//! |---|---|---|
//! | `POST /login` | `LoginRequest` | `LoginReply`, cookie |
//! | `POST /logout` | | |
//! | `GET /whoami` | | `WhoAmI` |
//! | `GET /overview` | | `Overview` |
//! | `GET /nodes` | | list of `NodeView` |
//! | `GET /events` | | server-sent events, see `LiveEvent` |
//! | `GET /clients` | `search`, `label`, `online` | `ClientPage` |
//! | `GET /clients/{client}` | | `ClientView` |
//! | `POST /clients/resolve` | `ClientListRequest` | `ClientListReply` |
//! | `POST /clients/{client}/labels` | `LabelChange` | `ClientView` |
//! | `POST /clients/{client}/revoke` | | `ClientView` |
//! | `GET /clients/{client}/flows` | | `FlowPage` |
//! | `GET /flows` | | `FlowPage` |
//! | `POST /flows` | `FlowRequest` | `FlowView` |
//! | `GET /flows/{flow}` | | `FlowView` |
//! | `POST /flows/{flow}/cancel` | | `FlowView` |
//! | `GET /flows/{flow}/sources` | | list of `SourceView` |
//! | `GET /flows/{flow}/results` | `RowsQuery` | `RowPage` |
//! | `GET /flows/{flow}/log` | `offset`, `limit` | `LogPage` |
//! | `GET /flows/{flow}/uploads` | `offset`, `limit` | `UploadPage` |
//! | `GET /flows/{flow}/export.zip` | | a zip, streamed |
//! | `GET /uploads/{upload}/content` | | the bytes, as an attachment |
//! | `GET /artifacts` | `search` | list of `ArtifactSummary` |
//! | `GET /artifacts/{name}` | | `ArtifactView` |
//! | `POST /artifacts/check` | `ArtifactCheck` | `CheckReport` |
//! | `POST /vql/check` | `VqlCheck` | `CheckReport` |
//! | `POST /vql/complete` | `VqlCompletionQuery` | `VqlCompletion` |
//! | `GET /hunts` | `search`, `state`, `tag` | `HuntPage` |
//! | `POST /hunts` | `HuntRequest` | `HuntView` |
//! | `POST /hunts/preview` | `HuntRequest` | `HuntPreview` |
//! | `GET /hunts/{hunt}` | | `HuntView` |
//! | `PUT /hunts/{hunt}` | `HuntEdit` | `HuntView` |
//! | `POST /hunts/{hunt}/{verb}`: start, pause, drain, resume, stop, archive | | `HuntView` |
//! | `GET /hunts/{hunt}/members` | `queue`, `search` | `MemberPage` |
//! | `GET /hunts/{hunt}/why/{client}` | | `WhyView` |
//! | `POST /hunts/{hunt}/members/add`, `/remove` | `RosterRequest` | `RosterReply` |
//! | `POST /hunts/{hunt}/tags` | `TagChange` | `HuntView` |
//! | `POST /hunts/{hunt}/copy`, `POST /flows/{flow}/hunt` | `CopyRequest` | `HuntView` |
//! | `POST /hunts/{hunt}/delete` | | |
//! | `GET /hunts/{hunt}/sources` | `RoundsQuery` | list of `SourceView` |
//! | `GET /hunts/{hunt}/results` | `RowsQuery` | `RowPage` |
//! | `GET /hunts/{hunt}/results/facets`, also of flows | `FacetsQuery` | `FacetsView` |
//! | `POST /hunts/{hunt}/results/sql`, also of flows | `SqlRequest` | `SqlView` |
//! | `GET /hunts/{hunt}/results/export`, also of flows | `TableQuery` | NDJSON, CSV or Parquet, streamed |
//! | `GET /hunts/{hunt}/recount` | | `Recount` |
//! | `GET /hunts/{hunt}/export.zip` | | a zip, streamed |
//! | `POST /hunts/{hunt}/widen` | | `HuntView` |
//! | `POST /hunts/{hunt}/retry` | `RetryRequest` | `Retried` |
//! | `GET /hunts/{hunt}/revisions` | | list of `RevisionView` |
//! | `GET /hunts/{hunt}/rounds` | `?offset=&limit=` | `RoundPage` |
//! | `GET /hunts/{hunt}/checkpoints/{client}` | | list of `CheckpointView` |
//! | `GET /hunts/{hunt}/diff` | `DiffQuery` | `DiffLine` in lines |
//! | `GET /monitoring` | | `MonitoringView` |
//! | `PUT /monitoring` | `MonitoringSet` | `MonitoringView` |
//! | `POST /monitoring/add` | `MonitoringEntry` | `MonitoringView` |
//! | `POST /monitoring/remove` | `MonitoringRemove` | `MonitoringView` |
//! | `GET /monitoring/scan` | `EventScanQuery` | `EventScanPage` |
//! | `GET /monitoring/export.jsonl` | `EventScanQuery` | JSON objects, one a line, streamed |
//! | `GET /clients/{client}/monitoring` | | `ClientMonitoring` |
//! | `GET /clients/{client}/monitoring/rows` | `EventsQuery` | `EventRowPage` |
//! | `POST /query` | `VqlQuery` | JSON objects, one a line: rows, log, end |
//! | `GET /log/overview`, `GET /log/definitions`, `GET /log/engines` | | how log hunts stand |
//! | `GET /log/grid` | `LogGridQuery` | `LogGrid`: tenants by rules |
//! | `GET /log/streams` | `LogStreamsQuery` | `LogStreamPage` |
//! | `GET /log/streams/{tenant}/{dataset}/{rule}` | `LogStreamQuery` | `LogStreamView` |
//! | … `/timeline`, `/windows`, `/runs` | | `LogTimeline`, `LogWindowPage`, `LogRunPage` |
//! | … `POST /waive`, `POST /continue` | `LogWaiveRequest`, `LogActRequest` | `LogActReport` |
//! | `GET /log/windows/{window}` | | `LogWindowExplanation` |
//! | `POST /log/windows/{window}/{verb}`: waive, reopen | `LogActRequest` | `LogActReport` |
//! | `GET /log/rules` and `/log/rules/{rule}`, `/revisions`, `POST /test` | | `LogRulePage`, `LogRuleView`, … |
//! | `GET /log/tenants` and `/log/tenants/{tenant}` | | `LogTenantPage`, `LogTenantView` |
//! | `POST /log/tenants/{tenant}/pause`, `/resume` | `LogPauseRequest`, `LogActRequest` | `LogActReport` |
//! | `GET /log/findings` | `LogFindingsQuery` | `LogFindingPage` |
//! | `GET /log/findings/{finding}`, `/log/findings/facets`, `/export.csv`, `/export.ndjson` | | |
//! | `POST /log/triage` | `LogTriage` | list of `LogFindingView` |
//! | `GET /log/backfills`, `POST /log/backfills`, `POST /log/backfills/{job}/cancel` | | |
//! | `GET /log/outbox`, `GET /log/notes` | `offset`, `limit` | |
//! | `GET /tools` | | list of `ToolView` |
//! | `PUT /tools/{tool}` | `ToolQuery`; the body is the file | `ToolView` |
//! | `GET /tokens`, `POST /tokens`, `POST /tokens/{id}/revoke` | `TokenRequest` | `TokenView`s |
//! | `GET /audit` | `offset`, `limit` | `AuditPage` |
//! | `GET /health` (no sign-in) | | `Health` |
//! | `GET /openapi.json` (no sign-in) | | this, as OpenAPI |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod artifact;
mod client;
pub mod client_list;
mod endpoint;
mod export;
mod flow;
mod hunt;
mod hunt_bounds;
mod live;
mod log;
mod log_act;
mod log_endpoints;
mod log_finding;
mod log_rule;
mod log_stream;
mod monitoring;
mod openapi;
mod query;
mod results;
mod session;
mod table;
mod targeting;
mod tool;
mod vql_query;

pub use artifact::*;
pub use client::*;
pub use endpoint::{Answer, Endpoint, Method, Shape, endpoints};
pub use export::*;
pub use flow::*;
pub use hunt::*;
pub use hunt_bounds::*;
pub use live::*;
pub use log::*;
pub use log_act::*;
pub use log_finding::*;
pub use log_rule::*;
pub use log_stream::*;
pub use monitoring::*;
pub use openapi::openapi;
pub use query::*;
pub use results::*;
pub use session::*;
pub use table::*;
pub use targeting::*;
pub use tool::*;
pub use vql_query::*;

/// Before every path.
pub const PREFIX: &str = "/api/v1";

/// The header in which a browser repeats the token from [`LoginReply`].
pub const CSRF_HEADER: &str = "x-lycaon-csrf";

/// The cookie in which a browser keeps its session.
pub const SESSION_COOKIE: &str = "lycaon_session";

/// The header in which the server names each request.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

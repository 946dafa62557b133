//! The list of endpoints: one line for each, from which the OpenAPI document is made and against
//! which the server tests its routes.

use std::borrow::Cow;

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::*;

/// The HTTP methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Does something.
    Post,
    /// Replaces something.
    Put,
}

impl Method {
    /// As OpenAPI spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
        }
    }
}

/// A body, an answer or the parameters of a query, as a schema.
#[derive(Clone, Copy)]
pub struct Shape {
    /// The schema's name.
    pub name: fn() -> Cow<'static, str>,
    /// The schema.
    pub schema: fn() -> RefOr<Schema>,
    /// The schemas that it refers to.
    pub parts: fn(&mut Vec<(String, RefOr<Schema>)>),
}

/// The shape of `T`.
fn of<T: ToSchema + PartialSchema>() -> Shape {
    Shape { name: T::name, schema: T::schema, parts: T::schemas }
}

/// What an endpoint answers when all goes well.
#[derive(Clone, Copy)]
pub enum Answer {
    /// Nothing: status 204.
    Nothing,
    /// One JSON value.
    One(Shape),
    /// A JSON list.
    List(Shape),
    /// Bytes of this media type, streamed, as an attachment.
    File(&'static str),
    /// Server-sent events, each with this as its data.
    Events(Shape),
    /// Any JSON object.
    Object,
}

/// One endpoint.
#[derive(Clone, Copy)]
pub struct Endpoint {
    /// How it is asked.
    pub method: Method,
    /// Below [`PREFIX`]; parts in braces are ids.
    pub path: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// Parameters after `?`.
    pub query: Option<Shape>,
    /// The JSON body.
    pub body: Option<Shape>,
    /// The answer.
    pub answer: Answer,
    /// It may be asked without signing in.
    pub open: bool,
}

impl Endpoint {
    const fn new(
        method: Method,
        path: &'static str,
        summary: &'static str,
        answer: Answer,
    ) -> Self {
        Self { method, path, summary, query: None, body: None, answer, open: false }
    }

    pub(crate) fn query<T: ToSchema + PartialSchema>(self) -> Self {
        Self { query: Some(of::<T>()), ..self }
    }

    pub(crate) fn body<T: ToSchema + PartialSchema>(self) -> Self {
        Self { body: Some(of::<T>()), ..self }
    }

    fn open(self) -> Self {
        Self { open: true, ..self }
    }
}

pub(crate) fn get<T: ToSchema + PartialSchema>(
    path: &'static str,
    summary: &'static str,
) -> Endpoint {
    Endpoint::new(Method::Get, path, summary, Answer::One(of::<T>()))
}

pub(crate) fn list<T: ToSchema + PartialSchema>(
    path: &'static str,
    summary: &'static str,
) -> Endpoint {
    Endpoint::new(Method::Get, path, summary, Answer::List(of::<T>()))
}

pub(crate) fn post<T: ToSchema + PartialSchema>(
    path: &'static str,
    summary: &'static str,
) -> Endpoint {
    Endpoint::new(Method::Post, path, summary, Answer::One(of::<T>()))
}

pub(crate) fn file(path: &'static str, summary: &'static str, media: &'static str) -> Endpoint {
    Endpoint::new(Method::Get, path, summary, Answer::File(media))
}

/// Every endpoint of version 1.
pub fn endpoints() -> Vec<Endpoint> {
    let mut all = session_endpoints();
    all.extend(client_and_flow_endpoints());
    all.extend(artifact_endpoints());
    all.extend(hunt_endpoints());
    all.extend(monitoring_and_tool_endpoints());
    all.extend(log_endpoints::log_endpoints());
    all
}

fn session_endpoints() -> Vec<Endpoint> {
    vec![
        post::<LoginReply>("/login", "Sign in; a browser also receives its cookie")
            .body::<LoginRequest>()
            .open(),
        Endpoint::new(Method::Post, "/logout", "Sign out", Answer::Nothing),
        get::<WhoAmI>("/whoami", "Who the caller is"),
        get::<Overview>("/overview", "The first page's numbers"),
        list::<NodeView>("/nodes", "The server processes that live, oldest first"),
        Endpoint::new(
            Method::Get,
            "/events",
            "What changes, as it changes: at most four events a second",
            Answer::Events(of::<LiveEvent>()),
        ),
        list::<TokenView>("/tokens", "Enrolment tokens, newest first"),
        post::<TokenView>("/tokens", "Make an enrolment token").body::<TokenRequest>(),
        post::<TokenView>("/tokens/{token}/revoke", "Withdraw an enrolment token"),
        get::<AuditPage>("/audit", "Who changed what, newest first").query::<PageQuery>(),
        get::<Health>("/health", "Is the server well?").open(),
        Endpoint::new(Method::Get, "/openapi.json", "This document", Answer::Object).open(),
    ]
}

fn client_and_flow_endpoints() -> Vec<Endpoint> {
    vec![
        get::<ClientPage>("/clients", "Clients").query::<ClientsQuery>(),
        post::<ClientListReply>("/clients/resolve", "Find the clients that a list names")
            .body::<ClientListRequest>(),
        get::<ClientView>("/clients/{client}", "One client"),
        post::<ClientView>("/clients/{client}/labels", "Add and remove labels")
            .body::<LabelChange>(),
        post::<ClientView>("/clients/{client}/revoke", "Revoke its certificate"),
        get::<FlowPage>("/clients/{client}/flows", "Its flows, newest first").query::<FlowsQuery>(),
        get::<FlowPage>("/flows", "Flows, newest first").query::<FlowsQuery>(),
        post::<FlowView>("/flows", "Collect something from a client").body::<FlowRequest>(),
        get::<FlowView>("/flows/{flow}", "One flow"),
        post::<FlowView>("/flows/{flow}/cancel", "Stop it"),
        post::<HuntView>("/flows/{flow}/hunt", "Ask many what this flow collected from one")
            .body::<CopyRequest>(),
        list::<SourceView>("/flows/{flow}/sources", "What each source has brought"),
        get::<RowPage>("/flows/{flow}/results", "Its rows").query::<RowsQuery>(),
        get::<FacetsView>("/flows/{flow}/results/facets", "The values of a column and how often")
            .query::<FacetsQuery>(),
        post::<SqlView>("/flows/{flow}/results/sql", "SQL over its rows").body::<SqlRequest>(),
        file("/flows/{flow}/results/export", "Its rows as one table", "application/octet-stream")
            .query::<TableQuery>(),
        get::<LogPage>("/flows/{flow}/log", "Its log, oldest first").query::<PageQuery>(),
        get::<UploadPage>("/flows/{flow}/uploads", "Its files").query::<PageQuery>(),
        file("/flows/{flow}/export.zip", "All that it brought", "application/zip")
            .query::<ZipQuery>(),
        file("/uploads/{upload}/content", "A file", "application/octet-stream"),
    ]
}

fn artifact_endpoints() -> Vec<Endpoint> {
    vec![
        list::<ArtifactSummary>("/artifacts", "Artifacts by name").query::<ArtifactsQuery>(),
        get::<ArtifactView>("/artifacts/{name}", "One artifact"),
        post::<CheckReport>("/artifacts/check", "Check a call, or an artifact file")
            .body::<ArtifactCheck>(),
        post::<CheckReport>("/vql/check", "Check VQL").body::<VqlCheck>(),
        post::<VqlCompletion>("/vql/complete", "What may stand at a place of a text")
            .body::<VqlCompletionQuery>(),
    ]
}

fn monitoring_and_tool_endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::Post,
            "/query",
            "Evaluate VQL over the server's records; for administrators",
            Answer::File("application/x-ndjson"),
        )
        .body::<VqlQuery>(),
        list::<ToolView>("/tools", "Files that artifacts need: those kept, and those wanted"),
        Endpoint::new(
            Method::Put,
            "/tools/{tool}",
            "Keep a file that artifacts need; the body is the file",
            Answer::One(of::<ToolView>()),
        )
        .query::<ToolQuery>(),
        get::<MonitoringView>("/monitoring", "What is monitored"),
        Endpoint::new(
            Method::Put,
            "/monitoring",
            "Monitor this, and nothing else",
            Answer::One(of::<MonitoringView>()),
        )
        .body::<MonitoringSet>(),
        post::<MonitoringView>("/monitoring/add", "Monitor one artifact more, or differently")
            .body::<MonitoringEntry>(),
        post::<MonitoringView>("/monitoring/remove", "Monitor one artifact no more")
            .body::<MonitoringRemove>(),
        get::<EventScanPage>("/monitoring/scan", "Rows in order of arrival, of all clients or one")
            .query::<EventScanQuery>(),
        file("/monitoring/export.jsonl", "Rows of all clients or one", "application/x-ndjson")
            .query::<EventScanQuery>(),
        get::<ClientMonitoring>("/clients/{client}/monitoring", "What is monitored on one client"),
        get::<EventRowPage>("/clients/{client}/monitoring/rows", "What that brought")
            .query::<EventsQuery>(),
    ]
}

fn hunt_endpoints() -> Vec<Endpoint> {
    let verb = |path, summary| post::<HuntView>(path, summary);
    vec![
        get::<HuntPage>("/hunts", "Hunts, newest first").query::<HuntsQuery>(),
        post::<HuntView>("/hunts", "Make a hunt").body::<HuntRequest>(),
        post::<HuntPreview>("/hunts/preview", "What a hunt would do").body::<HuntRequest>(),
        get::<HuntView>("/hunts/{hunt}", "One hunt"),
        Endpoint::new(
            Method::Put,
            "/hunts/{hunt}",
            "Change a hunt; what is left out stays",
            Answer::One(of::<HuntView>()),
        )
        .body::<HuntEdit>(),
        verb("/hunts/{hunt}/start", "Begin to recruit"),
        verb("/hunts/{hunt}/pause", "Go on asking and queueing, admit nobody"),
        verb("/hunts/{hunt}/drain", "Ask nobody new, run those that wait"),
        verb("/hunts/{hunt}/resume", "Ask and admit again"),
        verb("/hunts/{hunt}/stop", "End now and cancel what runs"),
        verb("/hunts/{hunt}/widen", "Let in others than its canaries"),
        verb("/hunts/{hunt}/archive", "Put it away"),
        get::<MemberPage>("/hunts/{hunt}/members", "Its members").query::<MembersQuery>(),
        post::<RosterReply>("/hunts/{hunt}/members/add", "Put clients in by hand")
            .body::<RosterRequest>(),
        post::<RosterReply>("/hunts/{hunt}/members/remove", "Take out clients that wait")
            .body::<RosterRequest>(),
        post::<HuntView>("/hunts/{hunt}/tags", "Add and remove tags").body::<TagChange>(),
        post::<HuntView>("/hunts/{hunt}/copy", "Make a hunt that asks for the same")
            .body::<CopyRequest>(),
        Endpoint::new(
            Method::Post,
            "/hunts/{hunt}/delete",
            "Delete a hunt that is over, with all it brought",
            Answer::Nothing,
        ),
        get::<WhyView>("/hunts/{hunt}/why/{client}", "Why a client is, or is not, in it"),
        list::<SourceView>("/hunts/{hunt}/sources", "What each source has brought")
            .query::<RoundsQuery>(),
        get::<RowPage>("/hunts/{hunt}/results", "The rows of all its clients").query::<RowsQuery>(),
        get::<FacetsView>("/hunts/{hunt}/results/facets", "The values of a column and how often")
            .query::<FacetsQuery>(),
        post::<SqlView>("/hunts/{hunt}/results/sql", "SQL over the rows of all its clients")
            .body::<SqlRequest>(),
        file("/hunts/{hunt}/results/export", "The rows as one table", "application/octet-stream")
            .query::<TableQuery>(),
        get::<Recount>("/hunts/{hunt}/recount", "Counters against a count of the records"),
        file("/hunts/{hunt}/export.zip", "All that it brought", "application/zip")
            .query::<ZipQuery>(),
        post::<Retried>("/hunts/{hunt}/retry", "Let failed clients of its round run again")
            .body::<RetryRequest>(),
        list::<RevisionView>("/hunts/{hunt}/revisions", "Who changed what of it, oldest first"),
        get::<RoundPage>("/hunts/{hunt}/rounds", "The rounds it has begun, oldest first")
            .query::<PageQuery>(),
        list::<CheckpointView>(
            "/hunts/{hunt}/checkpoints/{client}",
            "Up to where its sources were read on a client",
        ),
        file(
            "/hunts/{hunt}/diff",
            "What is new, gone or changed between two rounds, or to another hunt; one JSON object a line",
            "application/x-ndjson",
        )
        .query::<DiffQuery>(),
    ]
}

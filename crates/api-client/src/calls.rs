//! One method per endpoint.

use api::*;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use reqwest::Method;

use crate::{ApiError, Client, Events};

type Answer<T> = Result<T, ApiError>;

/// Sessions, health, tokens, audit.
impl Client {
    /// Signs in; the answer holds a token when one was asked for.
    pub async fn login(&self, request: &LoginRequest) -> Answer<LoginReply> {
        self.send(Method::POST, "/login", request).await
    }

    /// Ends this session.
    pub async fn logout(&self) -> Answer<()> {
        self.post_for_nothing("/logout").await
    }

    /// Who the caller is.
    pub async fn whoami(&self) -> Answer<WhoAmI> {
        self.get("/whoami").await
    }

    /// The first page's numbers.
    pub async fn overview(&self) -> Answer<Overview> {
        self.get("/overview").await
    }

    /// The server processes that live.
    pub async fn nodes(&self) -> Answer<Vec<NodeView>> {
        self.get("/nodes").await
    }

    /// Is the server well?
    pub async fn health(&self) -> Answer<Health> {
        self.get("/health").await
    }

    /// The figures of the server that is asked, as Prometheus' text.
    pub async fn metrics(&self) -> Answer<String> {
        self.text_at("/metrics").await
    }

    /// What changes, as it changes.
    pub async fn events(&self) -> Answer<Events> {
        Ok(Events::new(self.clone(), self.open("/events").await?))
    }

    /// Enrolment tokens.
    pub async fn tokens(&self) -> Answer<Vec<TokenView>> {
        self.get("/tokens").await
    }

    /// Makes an enrolment token; only this answer holds it.
    pub async fn create_token(&self, request: &TokenRequest) -> Answer<TokenView> {
        self.send(Method::POST, "/tokens", request).await
    }

    /// Withdraws an enrolment token.
    pub async fn revoke_token(&self, token: &str) -> Answer<TokenView> {
        self.post(&format!("/tokens/{}/revoke", segment(token))).await
    }

    /// Who changed what.
    pub async fn audit(&self, page: &PageQuery) -> Answer<AuditPage> {
        self.ask("/audit", page).await
    }
}

/// Clients and flows.
impl Client {
    /// Clients.
    pub async fn clients(&self, query: &ClientsQuery) -> Answer<ClientPage> {
        self.ask("/clients", query).await
    }

    /// Finds the clients that a list names.
    pub async fn resolve_clients(&self, list: &ClientListRequest) -> Answer<ClientListReply> {
        self.send(Method::POST, "/clients/resolve", list).await
    }

    /// One client.
    pub async fn client(&self, client: &str) -> Answer<ClientView> {
        self.get(&format!("/clients/{}", segment(client))).await
    }

    /// Adds and removes labels.
    pub async fn label(&self, client: &str, change: &LabelChange) -> Answer<ClientView> {
        self.send(Method::POST, &format!("/clients/{}/labels", segment(client)), change).await
    }

    /// Revokes a client's certificate.
    pub async fn revoke_client(&self, client: &str) -> Answer<ClientView> {
        self.post(&format!("/clients/{}/revoke", segment(client))).await
    }

    /// Flows, of all clients or of one.
    pub async fn flows(&self, client: Option<&str>, query: &FlowsQuery) -> Answer<FlowPage> {
        match client {
            Some(client) => self.ask(&format!("/clients/{}/flows", segment(client)), query).await,
            None => self.ask("/flows", query).await,
        }
    }

    /// Collects something from a client.
    pub async fn start_flow(&self, request: &FlowRequest) -> Answer<FlowView> {
        self.send(Method::POST, "/flows", request).await
    }

    /// One flow.
    pub async fn flow(&self, flow: &str) -> Answer<FlowView> {
        self.get(&format!("/flows/{}", segment(flow))).await
    }

    /// Stops a flow.
    pub async fn cancel_flow(&self, flow: &str) -> Answer<FlowView> {
        self.post(&format!("/flows/{}/cancel", segment(flow))).await
    }

    /// What each source of a flow has brought.
    pub async fn flow_sources(&self, flow: &str) -> Answer<Vec<SourceView>> {
        self.get(&format!("/flows/{}/sources", segment(flow))).await
    }

    /// A flow's rows.
    pub async fn flow_results(&self, flow: &str, query: &RowsQuery) -> Answer<RowPage> {
        self.ask(&format!("/flows/{}/results", segment(flow)), query).await
    }

    /// A flow's log.
    pub async fn flow_log(&self, flow: &str, page: &PageQuery) -> Answer<LogPage> {
        self.ask(&format!("/flows/{}/log", segment(flow)), page).await
    }

    /// A flow's files.
    pub async fn flow_uploads(&self, flow: &str, page: &PageQuery) -> Answer<UploadPage> {
        self.ask(&format!("/flows/{}/uploads", segment(flow)), page).await
    }

    /// A zip of all that a flow brought.
    pub async fn flow_export(
        &self,
        flow: &str,
    ) -> Answer<impl Stream<Item = Answer<Bytes>> + use<>> {
        self.bytes(&format!("/flows/{}/export.zip", segment(flow))).await
    }
}

/// Artifacts and checking of texts.
impl Client {
    /// Artifacts by name.
    pub async fn artifacts(&self, query: &ArtifactsQuery) -> Answer<Vec<ArtifactSummary>> {
        self.ask("/artifacts", query).await
    }

    /// One artifact.
    pub async fn artifact(&self, name: &str) -> Answer<ArtifactView> {
        self.get(&format!("/artifacts/{}", segment(name))).await
    }

    /// Checks VQL.
    pub async fn check_vql(&self, check: &VqlCheck) -> Answer<CheckReport> {
        self.send(Method::POST, "/vql/check", check).await
    }
}

/// Queries on the server.
impl Client {
    /// Evaluates VQL over the server's records; the answer has one JSON object a line.
    pub async fn query_records(&self, query: &VqlQuery) -> Answer<String> {
        self.send_for_text("/query", query).await
    }
}

/// Tools.
impl Client {
    /// Files that artifacts need: those kept, and those wanted.
    pub async fn tools(&self) -> Answer<Vec<ToolView>> {
        self.get("/tools").await
    }

    /// Keeps a file that artifacts need.
    pub async fn upload_tool(
        &self,
        tool: &str,
        query: &ToolQuery,
        file: impl Stream<Item = std::io::Result<Bytes>> + Send + Sync + 'static,
    ) -> Answer<ToolView> {
        self.send_stream(&format!("/tools/{}", segment(tool)), query, file).await
    }
}

/// Monitoring.
impl Client {
    /// What is monitored.
    pub async fn monitoring(&self) -> Answer<MonitoringView> {
        self.get("/monitoring").await
    }

    /// Monitors this, and nothing else.
    pub async fn set_monitoring(&self, wanted: &MonitoringSet) -> Answer<MonitoringView> {
        self.send(Method::PUT, "/monitoring", wanted).await
    }

    /// Monitors one artifact more, or differently.
    pub async fn add_monitoring(&self, entry: &MonitoringEntry) -> Answer<MonitoringView> {
        self.send(Method::POST, "/monitoring/add", entry).await
    }

    /// Monitors one artifact no more.
    pub async fn remove_monitoring(&self, entry: &MonitoringRemove) -> Answer<MonitoringView> {
        self.send(Method::POST, "/monitoring/remove", entry).await
    }

    /// What is monitored on one client.
    pub async fn client_monitoring(&self, client: &str) -> Answer<ClientMonitoring> {
        self.get(&format!("/clients/{}/monitoring", segment(client))).await
    }

    /// A page of what that brought.
    pub async fn event_rows(&self, client: &str, query: &EventsQuery) -> Answer<EventRowPage> {
        self.ask(&format!("/clients/{}/monitoring/rows", segment(client)), query).await
    }

    /// Rows in order of arrival.
    pub async fn scan_events(&self, query: &EventScanQuery) -> Answer<EventScanPage> {
        self.ask("/monitoring/scan", query).await
    }
}

/// Hunts.
impl Client {
    /// Hunts, newest first.
    pub async fn hunts(&self, query: &HuntsQuery) -> Answer<HuntPage> {
        self.ask("/hunts", query).await
    }

    /// Makes a hunt.
    pub async fn create_hunt(&self, request: &HuntRequest) -> Answer<HuntView> {
        self.send(Method::POST, "/hunts", request).await
    }

    /// What a hunt would do.
    pub async fn preview_hunt(&self, request: &HuntRequest) -> Answer<HuntPreview> {
        self.send(Method::POST, "/hunts/preview", request).await
    }

    /// One hunt.
    pub async fn hunt(&self, hunt: &str) -> Answer<HuntView> {
        self.get(&format!("/hunts/{}", segment(hunt))).await
    }

    /// Changes a hunt.
    pub async fn edit_hunt(&self, hunt: &str, edit: &HuntEdit) -> Answer<HuntView> {
        self.send(Method::PUT, &format!("/hunts/{}", segment(hunt)), edit).await
    }

    /// `start`, `pause`, `drain`, `resume`, `stop`, `widen`, `archive`.
    pub async fn hunt_verb(&self, hunt: &str, verb: &str) -> Answer<HuntView> {
        self.post(&format!("/hunts/{}/{}", segment(hunt), segment(verb))).await
    }

    /// A hunt's members.
    pub async fn hunt_members(&self, hunt: &str, query: &MembersQuery) -> Answer<MemberPage> {
        self.ask(&format!("/hunts/{}/members", segment(hunt)), query).await
    }

    /// Why a client is, or is not, in a hunt.
    pub async fn hunt_why(&self, hunt: &str, client: &str) -> Answer<WhyView> {
        self.get(&format!("/hunts/{}/why/{}", segment(hunt), segment(client))).await
    }

    /// Puts clients into a hunt by hand.
    pub async fn add_to_hunt(&self, hunt: &str, clients: &RosterRequest) -> Answer<RosterReply> {
        let path = format!("/hunts/{}/members/add", segment(hunt));
        self.send(Method::POST, &path, clients).await
    }

    /// Takes clients out of a hunt while they wait.
    pub async fn remove_from_hunt(
        &self,
        hunt: &str,
        clients: &RosterRequest,
    ) -> Answer<RosterReply> {
        let path = format!("/hunts/{}/members/remove", segment(hunt));
        self.send(Method::POST, &path, clients).await
    }

    /// Adds and removes tags of a hunt.
    pub async fn tag_hunt(&self, hunt: &str, change: &TagChange) -> Answer<HuntView> {
        self.send(Method::POST, &format!("/hunts/{}/tags", segment(hunt)), change).await
    }

    /// Makes a hunt that asks for the same.
    pub async fn copy_hunt(&self, hunt: &str, copy: &CopyRequest) -> Answer<HuntView> {
        self.send(Method::POST, &format!("/hunts/{}/copy", segment(hunt)), copy).await
    }

    /// Makes a hunt of what a flow collected.
    pub async fn hunt_of_flow(&self, flow: &str, copy: &CopyRequest) -> Answer<HuntView> {
        self.send(Method::POST, &format!("/flows/{}/hunt", segment(flow)), copy).await
    }

    /// Deletes a hunt that is over.
    pub async fn delete_hunt(&self, hunt: &str) -> Answer<()> {
        self.post_for_nothing(&format!("/hunts/{}/delete", segment(hunt))).await
    }

    /// What each source of a hunt has brought.
    pub async fn hunt_sources(&self, hunt: &str, rounds: &RoundsQuery) -> Answer<Vec<SourceView>> {
        self.ask(&format!("/hunts/{}/sources", segment(hunt)), rounds).await
    }

    /// The rows of all its clients.
    pub async fn hunt_results(&self, hunt: &str, query: &RowsQuery) -> Answer<RowPage> {
        self.ask(&format!("/hunts/{}/results", segment(hunt)), query).await
    }

    /// The values of a column of a hunt's (`hunts`) or a flow's (`flows`) rows.
    pub async fn facets(&self, of: &str, id: &str, query: &FacetsQuery) -> Answer<FacetsView> {
        self.ask(&format!("/{}/{}/results/facets", segment(of), segment(id)), query).await
    }

    /// SQL over a hunt's (`hunts`) or a flow's (`flows`) rows.
    pub async fn sql(&self, of: &str, id: &str, request: &SqlRequest) -> Answer<SqlView> {
        let path = format!("/{}/{}/results/sql", segment(of), segment(id));
        self.send(Method::POST, &path, request).await
    }

    /// The rows of a hunt (`hunts`) or a flow (`flows`) as a table, and the table's mark. With the mark
    /// of a download that was cut, goes on behind `skip` bytes, or fails with a conflict.
    pub async fn table(
        &self,
        of: &str,
        id: &str,
        query: &TableQuery,
        mark: Option<&str>,
    ) -> Answer<(String, impl Stream<Item = Answer<Bytes>> + use<>)> {
        let path = format!("/{}/{}/results/export", segment(of), segment(id));
        Ok(self.marked(self.open_marked(&path, query, mark).await?))
    }

    /// A zip of all that a hunt (`hunts`) or a flow (`flows`) brought, and its mark; goes on as a table
    /// does.
    pub async fn zip(
        &self,
        of: &str,
        id: &str,
        query: &ZipQuery,
        mark: Option<&str>,
    ) -> Answer<(String, impl Stream<Item = Answer<Bytes>> + use<>)> {
        let path = format!("/{}/{}/export.zip", segment(of), segment(id));
        Ok(self.marked(self.open_marked(&path, query, mark).await?))
    }

    /// Counters against a count of the records.
    pub async fn hunt_recount(&self, hunt: &str) -> Answer<Recount> {
        self.get(&format!("/hunts/{}/recount", segment(hunt))).await
    }

    /// Lets failed clients of a hunt run again.
    pub async fn hunt_retry(&self, hunt: &str, wanted: &RetryRequest) -> Answer<Retried> {
        self.send(Method::POST, &format!("/hunts/{}/retry", segment(hunt)), wanted).await
    }

    /// Who changed what of a hunt.
    pub async fn hunt_revisions(&self, hunt: &str) -> Answer<Vec<RevisionView>> {
        self.get(&format!("/hunts/{}/revisions", segment(hunt))).await
    }

    /// The rounds that a hunt has begun.
    pub async fn hunt_rounds(&self, hunt: &str, query: &PageQuery) -> Answer<RoundPage> {
        self.ask(&format!("/hunts/{}/rounds", segment(hunt)), query).await
    }

    /// Up to where a recurring hunt has read a client.
    pub async fn hunt_checkpoints(&self, hunt: &str, client: &str) -> Answer<Vec<CheckpointView>> {
        let (hunt, client) = (segment(hunt), segment(client));
        self.get(&format!("/hunts/{hunt}/checkpoints/{client}")).await
    }

    /// What is new, gone or changed, one [`api::DiffLine`] a line.
    pub async fn hunt_diff(
        &self,
        hunt: &str,
        query: &DiffQuery,
    ) -> Answer<impl Stream<Item = Answer<Bytes>> + use<>> {
        let DiffQuery { before, after, with, key, ignore, source } = query;
        let number = |round: &Option<u32>| round.map(|round| round.to_string());
        let asked = [
            ("before", number(before)),
            ("after", number(after)),
            ("with", with.clone()),
            ("key", key.clone()),
            ("ignore", ignore.clone()),
            ("source", source.clone()),
        ];
        let asked = asked
            .into_iter()
            .filter_map(|(name, text)| text.map(|text| format!("{name}={}", segment(&text))));
        let asked = asked.collect::<Vec<_>>().join("&");
        self.bytes(&format!("/hunts/{}/diff?{asked}", segment(hunt))).await
    }

    /// A zip of all that a hunt brought.
    pub async fn hunt_export(
        &self,
        hunt: &str,
    ) -> Answer<impl Stream<Item = Answer<Bytes>> + use<>> {
        self.bytes(&format!("/hunts/{}/export.zip", segment(hunt))).await
    }

    /// The mark and the bytes of an answer.
    fn marked(
        &self,
        response: reqwest::Response,
    ) -> (String, impl Stream<Item = Answer<Bytes>> + use<>) {
        let client = self.clone();
        let found = response.headers().get("etag").and_then(|mark| mark.to_str().ok());
        let found = found.unwrap_or_default().to_owned();
        (found, response.bytes_stream().map_err(move |error| client.unreachable(&error)))
    }

    async fn bytes(&self, path: &str) -> Answer<impl Stream<Item = Answer<Bytes>> + use<>> {
        let client = self.clone();
        let response = self.open(path).await?;
        Ok(response.bytes_stream().map_err(move |error| client.unreachable(&error)))
    }
}

/// An id as one part of a path: whatever was typed cannot leave its place.
pub(crate) fn segment(text: &str) -> String {
    let mut spelled = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'~')
            || (byte == b'.' && text.len() > 2)
        {
            spelled.push(char::from(byte));
        } else {
            spelled.push_str(&format!("%{byte:02X}"));
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_in_its_place() {
        assert_eq!(segment("H.0123abc"), "H.0123abc");
        assert_eq!(segment("../x?y#z"), "..%2Fx%3Fy%23z");
        assert_eq!(segment(".."), "%2E%2E");
    }
}

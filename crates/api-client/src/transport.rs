//! How a request travels: address, token, certificates, limits of time.

use std::error::Error;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ApiError;

const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Between two reads of an answer. Lists and exports may be long, but something always comes.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A connection that was idle for longer is not used again. The server closes one after 30 s, and a
/// request that meets the closing gets no answer.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// Where the server is and who asks.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// `http://127.0.0.1:8889`.
    pub server: String,
    /// From signing in; nothing for what may be asked without.
    pub token: Option<String>,
    /// PEM of an authority to accept besides the usual ones.
    pub authority_pem: Option<String>,
}

/// A client of one server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    base: Url,
    token: Option<String>,
    http: reqwest::Client,
}

impl Client {
    /// A client; nothing is sent yet. The program must have installed a TLS provider.
    pub fn new(connection: &Connection) -> Result<Self, ApiError> {
        let bad =
            |reason: String| ApiError::BadAddress { address: connection.server.clone(), reason };
        let base: Url = connection.server.parse().map_err(|e| bad(format!("{e}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad("it begins with http:// or https:// and names a machine".into()));
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_MAX)
            .read_timeout(SILENCE_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("lycaon/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        if let Some(pem) = &connection.authority_pem {
            let bad_authority = |e: reqwest::Error| ApiError::BadAuthority {
                server: connection.server.clone(),
                reason: innermost(&e),
            };
            let certificates =
                reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(bad_authority)?;
            builder = builder.tls_certs_merge(certificates);
        }
        let http = builder.build().map_err(|e| bad(innermost(&e)))?;
        Ok(Self { base, token: connection.token.clone(), http })
    }

    /// The same server, asked with this token.
    #[must_use]
    pub fn with_token(&self, token: String) -> Self {
        Self { token: Some(token), ..self.clone() }
    }

    /// The server's address.
    pub fn server(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.read(Method::GET, path, self.request(Method::GET, path)).await
    }

    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, ApiError> {
        self.read(Method::GET, path, self.request(Method::GET, path).query(query)).await
    }

    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ApiError> {
        self.read(method.clone(), path, self.request(method, path).json(body)).await
    }

    /// Posts something whose answer is a text.
    pub(crate) async fn send_for_text(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<String, ApiError> {
        let response = self.answer(self.request(Method::POST, path).json(body)).await?;
        response.text().await.map_err(|e| self.unreachable(&e))
    }

    /// Puts bytes that are made while they are sent.
    pub(crate) async fn send_stream<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
        body: impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Send + Sync + 'static,
    ) -> Result<T, ApiError> {
        let body = reqwest::Body::wrap_stream(body);
        let request = self.request(Method::PUT, path).query(query).body(body);
        self.read(Method::PUT, path, request).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.read(Method::POST, path, self.request(Method::POST, path)).await
    }

    /// An answer whose body the caller reads.
    pub(crate) async fn open(&self, path: &str) -> Result<Response, ApiError> {
        self.answer(self.request(Method::GET, path)).await
    }

    /// The same of what may have changed since it had this mark.
    pub(crate) async fn open_marked(
        &self,
        path: &str,
        query: &impl Serialize,
        mark: Option<&str>,
    ) -> Result<Response, ApiError> {
        let request = self.request(Method::GET, path).query(query);
        let request = match mark {
            Some(mark) => request.header("if-match", mark),
            None => request,
        };
        self.answer(request).await
    }

    /// An answer without a body.
    pub(crate) async fn post_for_nothing(&self, path: &str) -> Result<(), ApiError> {
        self.answer(self.request(Method::POST, path)).await.map(drop)
    }

    /// A connection that ended while its answer was read.
    pub(crate) fn unreachable(&self, error: &dyn Error) -> ApiError {
        ApiError::Unreachable { server: self.server(), reason: innermost(error) }
    }

    /// The text at a path that does not belong to the API.
    pub(crate) async fn text_at(&self, path: &str) -> Result<String, ApiError> {
        let answer = self.answer(self.request_at(Method::GET, path)).await?;
        answer.text().await.map_err(|error| self.unreachable(&error))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_at(method, &format!("{}{path}", api::PREFIX))
    }

    fn request_at(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(path);
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let response = request.send().await.map_err(|e| self.unreachable(&e))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        Err(refusal(&self.server(), status.as_u16(), &text))
    }

    async fn read<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        request: RequestBuilder,
    ) -> Result<T, ApiError> {
        let response = self.answer(request).await?;
        let text = response.text().await.map_err(|e| self.unreachable(&e))?;
        serde_json::from_str(&text).map_err(|e| ApiError::BadAnswer {
            server: self.server(),
            asked: format!("{method} {path}"),
            reason: e.to_string(),
        })
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn refusal(server: &str, status: u16, text: &str) -> ApiError {
    match serde_json::from_str::<api::ErrorBody>(text) {
        Ok(body) => ApiError::Refused {
            status,
            message: body.message,
            hint: body.hint,
            problems: body.problems,
            request_id: body.request_id,
        },
        Err(_) => ApiError::Refused {
            status,
            message: format!("{server} answered with status {status}, not as a Lycaon server does"),
            hint: "is this the address of the API, and not of something else?".into(),
            problems: vec![],
            request_id: String::new(),
        },
    }
}

/// The last cause of an error: `connection refused` and not `error sending request`.
fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(server: &str) -> Result<Client, ApiError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::new(&Connection { server: server.into(), ..Connection::default() })
    }

    #[test]
    fn an_address_that_makes_no_sense_is_refused_with_a_sentence() {
        for address in ["", "localhost", "ftp://x", "http://", "file:///x"] {
            let error = client(address).unwrap_err();
            assert!(error.to_string().contains("write it as http://"), "{address}: {error}");
        }
        assert_eq!(client("http://127.0.0.1:8889/").unwrap().server(), "http://127.0.0.1:8889");
    }

    #[test]
    fn what_is_not_an_error_body_is_still_told() {
        let error = refusal("http://x", 502, "<html>");
        assert_eq!(
            error.to_string(),
            "http://x answered with status 502, not as a Lycaon server does"
        );
        assert_eq!(error.fault(), Fault::Ours);
    }

    #[test]
    fn a_refusal_keeps_what_the_server_said() {
        let body = r#"{"message":"no","hint":"yes","request_id":"r","problems":[]}"#;
        let error = refusal("http://x", 409, body);
        assert_eq!((error.to_string(), error.hint()), ("no".into(), "yes".into()));
        assert_eq!(error.fault(), Fault::Conflict);
    }

    #[tokio::test]
    async fn nobody_there_is_told_with_the_address() {
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let address = format!("http://127.0.0.1:{port}");
        let error = client(&address).unwrap().health().await.unwrap_err();
        assert!(error.to_string().contains(&address), "{error}");
        assert_eq!(error.fault(), Fault::Busy);
    }

    use base::Fault;
}

//! A scripted browser: plain HTTP with whatever headers a test wants.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

pub(crate) struct Browser {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    /// Sent with every request.
    pub(crate) headers: Vec<(String, String)>,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON of a reply that must be good.
    #[track_caller]
    pub(crate) fn good(&self) -> Value {
        assert!(self.status.is_success(), "{} {:?}", self.status, self.body);
        self.json()
    }

    /// Status, message and hint of a reply that must be an error.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        assert!(!self.status.is_success(), "{} {:?}", self.status, self.body);
        let body = self.json();
        assert_eq!(body["request_id"], self.header("x-request-id"), "errors name their request");
        let hint = body["hint"].as_str().unwrap();
        format!("{} {} [{hint}]", self.status.as_u16(), body["message"].as_str().unwrap())
    }

    /// `field: message` for each problem of an error.
    #[track_caller]
    pub(crate) fn problems(&self) -> Vec<String> {
        let body = self.json();
        let text = |problem: &Value| {
            let part = |name: &str| problem[name].as_str().unwrap().to_owned();
            format!("{}: {}", part("field"), part("message"))
        };
        body["problems"].as_array().unwrap().iter().map(text).collect()
    }
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, address, headers: Vec::new() }
    }

    /// Where it sends its requests.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let host = format!("localhost:{}", self.address.port());
        let mut request =
            Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        if self.headers.iter().all(|(name, _)| name != "host") {
            request = request.header("host", host);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let reply = self.client.request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (parts, body) = reply.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// A reply that goes on and on.
    pub(crate) async fn open(&self, path: &str) -> hyper::body::Incoming {
        let mut request = Request::get(format!("http://{}/api/v1{path}", self.address));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::default()).unwrap();
        self.client.request(request).await.unwrap().into_body()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, &format!("/api/v1{path}"), None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, &format!("/api/v1{path}"), Some(body)).await
    }

    /// Puts bytes; status and body of the reply.
    pub(crate) async fn put_bytes(&self, path: &str, bytes: &[u8]) -> (u16, Value) {
        let host = format!("localhost:{}", self.address.port());
        let mut request = Request::put(format!("http://{}/api/v1{path}", self.address))
            .header("host", host)
            .header("content-type", "application/octet-stream");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::copy_from_slice(bytes));
        let reply = self.client.request(request.body(body).unwrap()).await.unwrap();
        let status = reply.status().as_u16();
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// A change without a body.
    pub(crate) async fn act(&self, path: &str) -> Reply {
        self.send(Method::POST, &format!("/api/v1{path}"), None).await
    }

    pub(crate) async fn sign_in_for_token(&mut self, user: &str, password: &str) {
        let asked = json!({ "user": user, "password": password, "token": true });
        let reply = self.post("/login", asked).await.good();
        let token = reply["token"].as_str().unwrap();
        self.headers.push(("authorization".into(), format!("Bearer {token}")));
    }

    /// A new enrolment token.
    pub(crate) async fn enrolment_token(&self, uses_max: u32) -> String {
        let asked = json!({ "expires_after": "1h", "uses_max": uses_max, "labels": ["new"] });
        self.post("/tokens", asked).await.good()["token"].as_str().unwrap().to_owned()
    }
}

//! Asking web servers.
//!
//! The request runs on a thread of its own, which hands over at most a few chunks ahead, so a
//! query that is stopped does not wait for the network.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use reqwest::blocking::{Client, RequestBuilder, Response};
use rows::{Dict, Row, Text, Value};
use vql_plugin::{Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args};

use crate::{Machine, http_tls, temporary};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(HttpClient)
}

plugin_args! {
    /// Sends an HTTP request: rows with `Url`, `Response` (the status), `Headers` and `Content`.
    ///
    /// A large answer comes in several rows of `chunk_size` bytes each; with
    /// `tempfile_extension` it goes to a temporary file, whose path is `Content`. Redirects are
    /// followed. A request that fails is a line in the log.
    pub struct HttpClientArgs for "http_client" {
        /// The address.
        url: String,
        /// Parameters: part of the address for GET and HEAD, else a form in the body.
        params: Option<Dict>,
        /// Headers of the request.
        headers: Option<Dict>,
        /// The method.
        method: String = "GET",
        /// The body of the request.
        data: Option<Text>,
        /// How many bytes of the answer are in one row.
        chunk_size: i64 = 4_194_304,
        /// Trust any server; another name of `skip_verify`.
        disable_ssl_security: bool = false,
        /// Trust any server.
        skip_verify: bool = false,
        /// Write the answer to a temporary file whose name ends so.
        tempfile_extension: String = "",
        /// Taken for compatibility; files are removed in the reverse order of their making.
        remove_last: bool = false,
        /// Certificates in PEM that are trusted in addition to the usual ones.
        root_ca: String = "",
        /// How the request calls its sender.
        user_agent: String = "Lycaon",
        /// Files to send as a form: dicts with `file`, and optionally `accessor`, `key` (name of
        /// the field) and `path` (name of the file).
        files: Option<Vec<Dict>>,
    }
}

struct HttpClient;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const WHOLE_TIMEOUT: Duration = Duration::from_secs(600);

impl Plugin for HttpClient {
    type Args = HttpClientArgs;
    /// Reading files is for `files`.
    const NEEDS: &'static [Permission] = &[Permission::Network, Permission::FilesystemRead];

    fn rows(&self, args: HttpClientArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let tls = http_tls::config(args.skip_verify || args.disable_ssl_security, &args.root_ca)?;
        let file = if args.tempfile_extension.is_empty() {
            None
        } else {
            // The file is made here, where the scope that removes it is known.
            let path = temporary::file_with(&args.tempfile_extension, |_| Ok(()), scope)?;
            Some(path)
        };
        let form = match &args.files {
            Some(files) => Some(form(files, &pairs(args.params.as_ref()), scope)?),
            None => None,
        };
        let (send, receive) = sync_channel(2);
        let log = scope.clone();
        let work = move || {
            let outcome = Asked { args: &args, tls, form }.run(file.as_deref(), &log, &send);
            if let Err(failure) = outcome {
                log.log(Level::Default, &format!("http_client: {failure}"));
            }
        };
        std::thread::Builder::new()
            .name("vql http_client".to_owned())
            .spawn(work)
            .map_err(|error| Failure::new(format!("no thread could be started: {error}")))?;
        Ok(Box::new(Answers { receive, scope: scope.clone() }))
    }
}

/// The rows of an answer, as they arrive.
struct Answers {
    receive: Receiver<Row>,
    scope: Scope,
}

impl Iterator for Answers {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            match self.receive.recv_timeout(Duration::from_millis(50)) {
                Ok(row) => return Some(row),
                Err(RecvTimeoutError::Timeout) if !self.scope.stopped() => {}
                Err(_) => return None,
            }
        }
    }
}

/// One request with all that belongs to it.
struct Asked<'a> {
    args: &'a HttpClientArgs,
    tls: rustls::ClientConfig,
    form: Option<Form>,
}

impl Asked<'_> {
    fn run(
        self,
        file: Option<&std::path::Path>,
        scope: &Scope,
        send: &SyncSender<Row>,
    ) -> Result<(), Failure> {
        let client = Client::builder()
            .tls_backend_preconfigured(self.tls)
            .user_agent(&self.args.user_agent)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(WHOLE_TIMEOUT)
            .build()?;
        let response = request(&client, self.args, self.form)?.send()?;
        hand_over(response, self.args, file, scope, send)
    }
}

/// Hands the answer over, in chunks or as a file.
fn hand_over(
    mut response: Response,
    args: &HttpClientArgs,
    file: Option<&std::path::Path>,
    scope: &Scope,
    send: &SyncSender<Row>,
) -> Result<(), Failure> {
    let row = Row::new()
        .with("Url", response.url().as_str())
        .with("Response", i64::from(response.status().as_u16()))
        .with("Headers", headers(&response));
    if let Some(path) = file {
        let mut file = File::create(path)?;
        let mut written = 0;
        while let Some(chunk) = next_chunk(&mut response, 1 << 16)? {
            scope.check()?;
            file.write_all(&chunk)?;
            written += chunk.len();
        }
        let row = row.with("Content", path.to_string_lossy().into_owned()).with("Size", written);
        let _ = send.send(row);
        return Ok(());
    }
    let size = usize::try_from(args.chunk_size.clamp(1, 64 << 20)).unwrap_or(4 << 20);
    let mut first = true;
    while let Some(chunk) = next_chunk(&mut response, size)? {
        scope.check()?;
        first = false;
        if send.send(row.clone().with("Content", chunk)).is_err() {
            return Ok(());
        }
    }
    if first {
        let _ = send.send(row.with("Content", ""));
    }
    Ok(())
}

fn request(
    client: &Client,
    args: &HttpClientArgs,
    form: Option<Form>,
) -> Result<RequestBuilder, Failure> {
    let method = Method::from_bytes(args.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| Failure::new(format!("`{}` is no HTTP method", args.method)))?;
    let in_address = matches!(method, Method::GET | Method::HEAD) || args.data.is_some();
    let mut request = client.request(method, &args.url);
    for (name, value) in args.headers.iter().flat_map(Dict::iter) {
        request = request.header(name.as_str(), value.to_text().as_bytes());
    }
    if let Some(form) = form {
        return Ok(request.multipart(form));
    }
    let params = pairs(args.params.as_ref());
    if !params.is_empty() {
        request = if in_address { request.query(&params) } else { request.form(&params) };
    }
    if let Some(data) = &args.data {
        request = request.body(data.to_vec());
    }
    Ok(request)
}

/// The files and parameters as a form. The files are read while they are sent.
fn form(files: &[Dict], params: &[(String, String)], scope: &Scope) -> Result<Form, Failure> {
    let mut form = Form::new();
    for (name, value) in params {
        form = form.text(name.clone(), value.clone());
    }
    for file in files {
        let field = |name: &str| {
            let value = file.get(name).map(|value| scope.materialise(value)).unwrap_or_default();
            let text = value.to_text().to_str_lossy().into_owned();
            if value.is_null() { String::new() } else { text }
        };
        let accessor = scope.accessor(&field("accessor"))?;
        let path = match file.get("file").map(|value| scope.materialise(value)) {
            Some(Value::Path(path)) => (*path).clone(),
            Some(text) if !text.is_null() => accessor.parse(&text.to_text())?,
            _ => return Err("each of files must have `file`, the path of the file".into()),
        };
        let content = accessor.open(&path, scope)?;
        let name = match field("path") {
            name if name.is_empty() => path.basename().to_str_lossy().into_owned(),
            name => name,
        };
        let key = match field("key") {
            key if key.is_empty() => "file".to_owned(),
            key => key,
        };
        form = form.part(key, Part::reader(content).file_name(name));
    }
    Ok(form)
}

/// A parameter with several values occurs several times.
fn pairs(params: Option<&Dict>) -> Vec<(String, String)> {
    let text = |value: &Value| value.to_text().to_str_lossy().into_owned();
    let mut pairs = Vec::new();
    for (name, value) in params.into_iter().flat_map(Dict::iter) {
        match value {
            Value::Array(values) => {
                pairs.extend(values.iter().map(|value| (name.to_string(), text(value))));
            }
            one => pairs.push((name.to_string(), text(one))),
        }
    }
    pairs
}

fn headers(response: &Response) -> Dict {
    let mut headers = Dict::new();
    for (name, value) in response.headers() {
        headers.update(name.as_str(), value.as_bytes());
    }
    headers
}

/// The next bytes of the answer, as many as `size` if there are so many.
fn next_chunk(response: &mut Response, size: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut chunk = Vec::new();
    response.take(size as u64).read_to_end(&mut chunk)?;
    Ok((!chunk.is_empty()).then_some(chunk))
}

//! Which server a command talks to, and as whom.
//!
//! `--server`, then `LYCAON_SERVER`, then the server that was signed in to last; the token from
//! `LYCAON_TOKEN`, or the one that this server gave.

use std::future::Future;

use api_client::{Client, Connection};

use crate::complaint::{Complaint, Outcome};
use crate::credentials;

/// `--server`, for every command that asks one.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct ServerArgs {
    /// The server's address [default: the one signed in to last]
    #[arg(long, env = "LYCAON_SERVER", value_name = "URL", global = true)]
    pub(crate) server: Option<String>,
}

impl ServerArgs {
    /// A client of that server with the token kept for it.
    pub(crate) fn client(&self) -> Outcome<Client> {
        let kept = credentials::load()?;
        let server = self.server.clone().or(kept.current).ok_or_else(|| {
            Complaint::usage("no server is known")
                .hint("sign in with `lycaon login --server URL`, or give --server or LYCAON_SERVER")
        })?;
        let server = server.trim_end_matches('/').to_owned();
        let login = kept.servers.get(&server);
        let token = std::env::var("LYCAON_TOKEN").ok().filter(|token| !token.is_empty());
        let connection = Connection {
            token: token.or_else(|| login.map(|login| login.token.clone())),
            authority_pem: login.and_then(|login| login.authority_pem.clone()),
            server,
        };
        Ok(Client::new(&connection)?)
    }
}

/// Runs the asynchronous part of a command on one thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Complaint::failed(format!("cannot start: {error}")))?
        .block_on(work)
}

/// So many records are asked for at once.
pub(crate) const PAGE: u64 = 500;

/// Walks the pages of a list until it ends or `most` records were seen.
pub(crate) async fn walk<T, F, Fut>(
    most: Option<u64>,
    mut page: F,
    mut each: impl FnMut(T) -> Outcome,
) -> Outcome<u64>
where
    F: FnMut(u64, u64) -> Fut,
    Fut: Future<Output = Result<(Vec<T>, u64), api_client::ApiError>>,
{
    let most = most.unwrap_or(u64::MAX);
    let mut seen = 0;
    while seen < most {
        let (items, total) = page(seen, PAGE.min(most - seen)).await?;
        if items.is_empty() {
            break;
        }
        for item in items {
            each(item)?;
            seen += 1;
        }
        if seen >= total {
            break;
        }
    }
    Ok(seen)
}

//! One client for all channels over HTTP, and what an answer means.

use std::time::Duration;

use loghunt::channel::NotSent;
use reqwest::header::RETRY_AFTER;

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The client. Redirects are not followed: a signed message goes where its channel says.
pub(crate) fn client() -> Result<reqwest::Client, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("lycaon/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.without_url().to_string())
}

/// What the receiver's answer means for the message. `whom` names it without a secret.
pub(crate) async fn heard(
    whom: &str,
    answer: Result<reqwest::Response, reqwest::Error>,
) -> Result<(), NotSent> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let message =
                format!("{whom} cannot be reached: {}", base::Chain(&error.without_url()));
            return Err(NotSent::Later { message, wait: None });
        }
    };
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = seconds.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
    let text: String = answer.text().await.unwrap_or_default().chars().take(200).collect();
    let message = format!("{whom} answered {status}: {text}");
    // What the receiver calls our mistake stays one, but for "too slow", "too early" and "too many".
    if status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429) {
        return Err(NotSent::Never { message });
    }
    Err(NotSent::Later { message, wait })
}

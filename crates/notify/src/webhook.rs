//! `POST` of JSON with a signature and an idempotency key.
//!
//! The signature is `t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 under the channel's secret over
//! `SECONDS.KEY.BODY`; the key is the header `Idempotency-Key`. A receiver refuses old moments and keys
//! that it has seen.

use std::sync::Arc;

use async_trait::async_trait;
use base::Clock;
use log_rules::FindingFormat;
use loghunt::channel::{Channel, Message, NotSent};
use ring::hmac;
use serde_json::{Value, json};

use crate::form::render;
use crate::http::heard;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "Lycaon-Signature";

/// A webhook.
pub(crate) struct Webhook {
    pub(crate) client: reqwest::Client,
    /// Without credentials.
    pub(crate) url: url::Url,
    pub(crate) secret: Option<Vec<u8>>,
    pub(crate) format: FindingFormat,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The value of the header with the signature.
pub fn signature(secret: &[u8], seconds: i64, key: &str, body: &[u8]) -> String {
    let mac_key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let mut mac = hmac::Context::with_key(&mac_key);
    mac.update(format!("{seconds}.{key}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.sign()))
}

#[async_trait]
impl Channel for Webhook {
    async fn send(&self, message: &Message) -> Result<(), NotSent> {
        let findings: Vec<Value> =
            message.findings.iter().map(|finding| render(finding, self.format)).collect();
        let body = json!({ "key": &*message.key, "findings": findings }).to_string().into_bytes();
        let mut request = self
            .client
            .post(self.url.clone())
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", &*message.key);
        if let Some(secret) = &self.secret {
            let seconds = self.clock.now().as_micros().div_euclid(1_000_000);
            request =
                request.header(SIGNATURE_HEADER, signature(secret, seconds, &message.key, &body));
        }
        let whom = format!("the webhook at {}", self.url.host_str().unwrap_or("?"));
        heard(&whom, request.body(body).send().await).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_hmac_of_moment_key_and_body() {
        // Computed with `printf '1.k.b' | openssl dgst -sha256 -hmac s`.
        assert_eq!(
            signature(b"s", 1, "k", b"b"),
            "t=1,v1=f75fc72e44a6f5fb0ef7c94fea4f524cef2ca750f12d5f6485b67b032b435b48"
        );
    }
}

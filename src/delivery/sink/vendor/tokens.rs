//! Access tokens that targets give us for a client's name and secret, kept while
//! they are good.

use std::sync::Arc;

use moka::future::Cache;
use secrecy::SecretString;
use serde_json::Value;

use crate::{
    delivery::{
        Remedy,
        sink::{
            command::Stop,
            http::{Draft, Http},
        },
    },
    tenant::StreamId,
};

const CAPACITY: u64 = 10_000;
/// A token is not used in the last seconds before it expires, which a request
/// may take to get there.
const EARLY_S: i64 = 60;
/// How long a token is good if the target does not say (RFC 6749 §5.1).
const USUAL_LIFETIME_S: i64 = 300;

/// Tokens, one a connector.
pub(super) struct Tokens(Cache<StreamId, Token>);

#[derive(Clone)]
struct Token {
    secret: Arc<SecretString>,
    until_us: i64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl Tokens {
    /// The connector's token, while it is good.
    pub(super) async fn get(&self, stream: StreamId, now_us: i64) -> Option<Arc<SecretString>> {
        let token = self.0.get(&stream).await?;
        (now_us < token.until_us).then_some(token.secret)
    }

    /// Gets another token with `request` and keeps it (RFC 6749 §4.4).
    pub(super) async fn fetch(
        &self,
        http: &Http<'_>,
        request: &Draft,
        stream: StreamId,
        now_us: i64,
    ) -> Result<Arc<SecretString>, Stop> {
        self.0.invalidate(&stream).await;
        let answer = http.call(request.clone().listing()).await?;
        let answer = match answer.status {
            status @ (400 | 401 | 403 | 404) => {
                let reason = format!("the target gives us no token: it answered {status}");
                return Err(Stop::because(Some(status), Remedy::Credentials, reason));
            }
            _ => answer.done()?.json()?,
        };
        let secret = answer.get("access_token").and_then(Value::as_str);
        let secret = secret.ok_or_else(|| Stop::unclear("the target gives us no token"))?;
        let secret = Arc::new(SecretString::from(secret));
        let lifetime_s = answer.get("expires_in").and_then(Value::as_i64);
        let lifetime_s = lifetime_s.unwrap_or(USUAL_LIFETIME_S).saturating_sub(EARLY_S);
        let until_us = now_us.saturating_add(lifetime_s.saturating_mul(1_000_000));
        self.0.insert(stream, Token { secret: Arc::clone(&secret), until_us }).await;
        Ok(secret)
    }
}

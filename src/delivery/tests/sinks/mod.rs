//! Sinks against stand-ins for what they speak to.

mod back_channel_logout;
mod cloud_events;
mod nats;
mod token_revocation;
mod vendors;
mod webhook;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    delivery::{
        Commanded, Outcome, OutgoingClient, OutgoingError, Refusal, Remedy,
        sink::{self, Parcel, Sinks, http::Http},
    },
    event::{EventUri, SinkKind, Subject, SubjectFormat, jti},
    store::{Claim, DeliveryMethod, Stream, StreamStatus},
    tenant::{StreamId, TenantId, receiver_url::ReceiverRules},
};

#[path = "../../../../tests/it/support/stand_in.rs"]
mod stand_in;

pub(super) use stand_in::{Heard, Reply, StandIn};

/// The tenant's issuer.
pub(super) const ISSUER: &str = "https://roll.example/t/acme";
/// When every event happens, in microseconds since 1970.
pub(super) const NOW_US: i64 = 1_790_000_000_000_000;
/// To make one takes longer than all that most tests do with it.
static CLIENT: LazyLock<OutgoingClient> =
    LazyLock::new(|| OutgoingClient::new(ReceiverRules::trial()).unwrap());
/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// A receiver as it is configured, and the person that events are about.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) kind: SinkKind,
    /// Behind the stand-in's address.
    pub(super) path: &'static str,
    pub(super) settings: Value,
    pub(super) secrets: Value,
    pub(super) subject: Subject,
    /// When it is told, in microseconds since 1970.
    pub(super) now_us: i64,
}

impl Case {
    /// A receiver; the events are about `barbara`, who has every name.
    pub(super) fn new(kind: SinkKind, path: &'static str, settings: Value, secrets: Value) -> Self {
        let subject = Subject {
            endpoint: "/Users".to_owned(),
            external_id: Some("00u7k2mZ".to_owned()),
            user_name: Some("barbara".to_owned()),
            email: Some("barbara@acme.example".to_owned()),
            ..Subject::stream("7b0d5c0e".to_owned())
        };
        Self { kind, path, settings, secrets, subject, now_us: NOW_US }
    }

    /// Refuses or takes the configuration, as when it is saved.
    pub(super) fn check(&self) -> Result<(), String> {
        let url = format!("https://target.example{}", self.path);
        let secrets = SecretString::from(self.secrets.to_string());
        sink::check(self.kind, &url, &self.settings, Some(&secrets))
    }

    /// Tells `stand_in` of one event, in one attempt.
    pub(super) async fn tell(&self, stand_in: &StandIn, uri: EventUri) -> Outcome {
        self.tell_at(stand_in.url(), uri).await
    }

    /// As [`Case::tell`], at an address.
    pub(super) async fn tell_at(&self, address: &str, uri: EventUri) -> Outcome {
        self.tell_with(&Sinks::default(), address, uri).await
    }

    /// As [`Case::tell_at`], by sinks that may remember something.
    pub(super) async fn tell_with(&self, sinks: &Sinks, address: &str, uri: EventUri) -> Outcome {
        let endpoint_url = format!("{address}{}", self.path);
        let claim = self.claim(&endpoint_url, uri);
        let secrets = SecretString::from(self.secrets.to_string());
        let parcel = Parcel {
            claim: &claim,
            endpoint_url: &endpoint_url,
            secrets: Some(&secrets),
            issuer: ISSUER,
            jti: &jti(claim.event_id, claim.stream.id.0),
            now_us: self.now_us,
            keys: None,
        };
        sinks.send(self.kind, &Http::new(&CLIENT).patient(PATIENCE), &parcel).await
    }

    /// One attempt at a revocation, with these answers: the requests and the outcome.
    pub(super) async fn revoke(
        &self,
        replies: impl IntoIterator<Item = Reply>,
    ) -> (Vec<Heard>, Outcome) {
        let stand_in = StandIn::script(replies).await;
        let outcome = self.tell(&stand_in, EventUri::SessionRevoked).await;
        (stand_in.heard(), outcome)
    }

    fn claim(&self, endpoint_url: &str, uri: EventUri) -> Claim {
        let method =
            DeliveryMethod::Sink { kind: self.kind, endpoint_url: endpoint_url.to_owned() };
        let stream = Stream {
            tenant: TenantId::new(1),
            tenant_name: "acme".to_owned(),
            id: StreamId(Uuid::from_u128(7)),
            audience: endpoint_url.to_owned(),
            method,
            subject_format: SubjectFormat::IssSub,
            subject_issuer: None,
            events: EventUri::ALL.to_vec(),
            status: StreamStatus::Enabled,
            settings: Arc::new(self.settings.clone()),
            receiver: None,
            filters: false,
            changed_us: 0,
        };
        Claim {
            stream: Arc::new(stream),
            seq: 1,
            event_id: Uuid::from_u128(9),
            txn: "tx-1".to_owned(),
            subject_key: Uuid::from_u128(3),
            uri,
            payload: json!({}),
            subject: self.subject.clone(),
            occurred_us: NOW_US,
            attempt: 0,
            last_status: None,
            same_status: 0,
            is_again: false,
        }
    }

    /// What every connector makes of answers that are no success, and of none.
    /// `first` are the answers to the requests before the one that is answered so.
    pub(super) async fn check_failures(&self, first: &[Reply]) {
        // E25
        let minute = Duration::from_mins(1);
        for (reply, expected) in [
            (Reply::status(404), Ok(Commanded::Gone)),
            (Reply::status(400), Err((400, Remedy::Nothing))),
            (Reply::status(401), Err((401, Remedy::Credentials))),
            (Reply::status(403), Err((403, Remedy::Credentials))),
            (Reply::status(429), Err((429, Remedy::Retry(Some(minute))))),
            (
                Reply::status(429).with("retry-after", "7"),
                Err((429, Remedy::Retry(Some(Duration::from_secs(7))))),
            ),
            (Reply::status(500), Err((500, Remedy::Retry(None)))),
            (Reply::status(503), Err((503, Remedy::Retry(None)))),
            (Reply::status(302).with("location", "/elsewhere"), Err((302, Remedy::Retry(None)))),
        ] {
            let script = first.iter().cloned().chain([reply.clone()]);
            let (heard, outcome) = self.revoke(script).await;
            let found = match &outcome {
                Outcome::Commanded(commanded) => Ok(*commanded),
                Outcome::Refused(Refusal { status, remedy, .. }) => {
                    Err((status.unwrap_or(0), *remedy))
                }
                _ => panic!("{reply:?}: {outcome:?}"),
            };
            assert_eq!(found, expected, "{reply:?}");
            assert_eq!(heard.len(), first.len() + 1, "{reply:?}: nothing follows a failure");
        }
        let script = first.iter().cloned().chain([Reply::never()]);
        assert_eq!(self.revoke(script).await.1, Outcome::Failed(OutgoingError::Timeout));
        let nobody = StandIn::nobody().await;
        let outcome = self.tell_at(&nobody, EventUri::SessionRevoked).await;
        assert_eq!(outcome, Outcome::Failed(OutgoingError::Connect));
    }
}

//! The gate that a tenant's SCIM requests come through: only so many in a time, and
//! only so many at a time, so that one tenant's flood does not drown the others.
//!
//! Each process counts for itself. Who is one too many in a minute is refused at once;
//! who is one too many at a time waits, first come first served.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use metrics::counter;
use moka::future::Cache;
use poem::http::{HeaderValue, StatusCode, header};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::error::Refusal;
use crate::tenant::{Caller, TenantId, TenantLimits};

/// How long a request waits for those before it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Tenants that are remembered at a time.
const REMEMBERED: u64 = 100_000;
/// How long a tenant without requests is remembered: a minute's count is over then.
const IDLE: Duration = Duration::from_secs(120);

/// What the requests of each tenant come through. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    lanes: Cache<(TenantId, TenantLimits), Arc<Lane>>,
}

/// The way of one tenant's requests.
#[derive(Debug)]
struct Lane {
    rate: Option<DefaultDirectRateLimiter>,
    places: Arc<Semaphore>,
}

/// Whoever holds it is inside.
#[derive(Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

impl Gate {
    pub(super) fn new() -> Self {
        let lanes = Cache::builder().max_capacity(REMEMBERED).time_to_idle(IDLE).build();
        Self { lanes }
    }

    /// Lets a request of `caller` in, when it is its turn.
    pub(super) async fn enter(&self, caller: &Caller) -> Result<Place, Refusal> {
        let limits = caller.limits;
        let lane = async { Arc::new(Lane::new(limits)) };
        let lane = self.lanes.get_with((caller.tenant, limits), lane).await;
        if let Some(rate) = &lane.rate
            && let Err(refused) = rate.check()
        {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            let allowed = limits.requests_per_minute.unwrap_or_default();
            return Err(too_many(
                "rate",
                wait.as_secs().saturating_add(1),
                format!("this tenant may make {allowed} requests a minute, and has made them"),
            ));
        }
        let place = timeout(PATIENCE, Arc::clone(&lane.places).acquire_owned()).await;
        match place {
            Ok(Ok(place)) => Ok(Place(place)),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(too_many(
                "concurrency",
                1,
                format!(
                    "{} requests of this tenant are done at a time, and this one has waited too \
                     long for its turn",
                    limits.concurrent_requests
                ),
            )),
        }
    }
}

impl Lane {
    fn new(limits: TenantLimits) -> Self {
        let per_minute = limits.requests_per_minute.and_then(NonZeroU32::new);
        let places = usize::try_from(limits.concurrent_requests).unwrap_or(usize::MAX);
        Self {
            rate: per_minute.map(|count| RateLimiter::direct(Quota::per_minute(count))),
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
        }
    }
}

/// RFC 6585 §4, with whole seconds.
fn too_many(limit: &'static str, seconds: u64, detail: String) -> Refusal {
    counter!("muster_requests_limited_total", "limit" => limit).increment(1);
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, format!("{detail}; try again in {seconds} s"))
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}

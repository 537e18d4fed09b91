//! The gate that a tenant's SCIM requests come through: only so many in a time, and
//! only so many at a time, so that one tenant's flood does not drown the others.
//!
//! Each process counts for itself. Who is one too many in a minute is refused at once;
//! who is one too many at a time waits, first come first served. A tenant that is alone
//! may fill the process; while others ask too it has a share, so that whoever comes next
//! finds a short queue at the database.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use metrics::counter;
use moka::future::Cache;
use poem::http::{HeaderValue, StatusCode, header};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use super::error::Refusal;
use crate::tenant::{Caller, TenantId, TenantLimits};

/// How long a request waits for those before it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Tenants that are remembered at a time.
const REMEMBERED: u64 = 100_000;
/// How long a tenant without requests is remembered: a minute's count is over then.
const IDLE: Duration = Duration::from_secs(120);

/// So long after its last request a tenant counts as one that asks too.
const RECENT: Duration = Duration::from_secs(60);

/// What the requests of each tenant come through. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    lanes: Cache<(TenantId, TenantLimits), Arc<Lane>>,
    last: Arc<Mutex<LastTwo>>,
}

/// The tenant that asked last, and the last one before it that is another.
#[derive(Debug, Default)]
struct LastTwo {
    last: Option<(TenantId, Instant)>,
    other: Option<(TenantId, Instant)>,
}

/// The way of one tenant's requests.
#[derive(Debug)]
struct Lane {
    rate: Option<DefaultDirectRateLimiter>,
    places: Arc<Semaphore>,
    shared: Arc<Semaphore>,
}

/// Whoever holds it is inside.
#[derive(Debug)]
#[expect(dead_code, reason = "held, never read")]
pub(super) struct Place(OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

impl Gate {
    pub(super) fn new() -> Self {
        let lanes = Cache::builder().max_capacity(REMEMBERED).time_to_idle(IDLE).build();
        Self { lanes, last: Arc::default() }
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
        let is_shared = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.note(caller.tenant, Instant::now())
        };
        match timeout(PATIENCE, lane.place(is_shared)).await {
            Ok(Some(place)) => Ok(place),
            Ok(None) | Err(_) => Err(too_many(
                "concurrency",
                1,
                "other requests of this tenant are done first, and this one has waited too long \
                 for its turn"
                    .to_owned(),
            )),
        }
    }
}

impl LastTwo {
    /// Notes that a tenant asks; whether another one has of late.
    fn note(&mut self, tenant: TenantId, now: Instant) -> bool {
        if self.last.is_some_and(|(last, _)| last != tenant) {
            self.other = self.last;
        }
        self.last = Some((tenant, now));
        self.other.is_some_and(|(_, asked)| now.duration_since(asked) < RECENT)
    }
}

impl Lane {
    fn new(limits: TenantLimits) -> Self {
        let per_minute = limits.requests_per_minute.and_then(NonZeroU32::new);
        let places = |count: u32| {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)))
        };
        Self {
            rate: per_minute.map(|count| RateLimiter::direct(Quota::per_minute(count))),
            places: places(limits.concurrent_requests),
            shared: places(limits.concurrent_requests_shared),
        }
    }

    /// A place, when it is free; none never, since the semaphores are not closed.
    async fn place(&self, is_shared: bool) -> Option<Place> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let shared = match is_shared {
            true => Some(Arc::clone(&self.shared).acquire_owned().await.ok()?),
            false => None,
        };
        Some(Place(place, shared))
    }
}

/// RFC 6585 §4, with whole seconds.
fn too_many(limit: &'static str, seconds: u64, detail: String) -> Refusal {
    counter!("muster_requests_limited_total", "limit" => limit).increment(1);
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, format!("{detail}; try again in {seconds} s"))
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_shares_while_another_asks() {
        let (acme, globex, start) = (TenantId::new(1), TenantId::new(2), Instant::now());
        let mut last = LastTwo::default();
        for (second, tenant, shares) in [
            (0, acme, false),
            (1, acme, false),
            (2, globex, true),
            (3, acme, true),
            (61, acme, true),
            (62, acme, false),
            (63, TenantId::new(3), true),
            (64, acme, true),
        ] {
            let now = start + Duration::from_secs(second);
            assert_eq!(last.note(tenant, now), shares, "{tenant} after {second} s");
        }
    }
}

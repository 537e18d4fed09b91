//! The only place that reads the time, makes ids and draws random bytes.
//!
//! Everything else takes a [`Clock`], so that a test can say what time it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use rand::Rng;
use uuid::Uuid;

const MICROSECONDS: i64 = 1_000_000;

/// The source of "now", of ids and of random bytes.
///
/// Copies share their state: time that one copy has given is never taken back
/// by another.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
    latest: Arc<AtomicI64>,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    System,
    Manual,
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self { source: Source::System, latest: Arc::new(AtomicI64::new(i64::MIN)) }
    }

    /// A clock that stands still until it is [advanced](Self::advance).
    pub fn stopped_at(microseconds: i64) -> Self {
        Self { source: Source::Manual, latest: Arc::new(AtomicI64::new(microseconds)) }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    ///
    /// Never goes backwards while the process lives, even if the machine's
    /// clock is set back: `lastModified` must not (RFC 7643 §3.1).
    pub fn now_us(&self) -> i64 {
        match self.source {
            Source::System => {
                let now = system_us();
                self.latest.fetch_max(now, Ordering::AcqRel).max(now)
            }
            Source::Manual => self.latest.load(Ordering::Acquire),
        }
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, as JWTs count them.
    pub fn now_seconds(&self) -> i64 {
        self.now_us().div_euclid(MICROSECONDS)
    }

    /// Moves a stopped clock on; the machine's clock stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual = self.source {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            self.latest.fetch_add(by, Ordering::AcqRel);
        }
    }

    /// A new UUIDv7. Ids made one after the other sort in that order.
    #[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
    pub fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    /// `N` unpredictable bytes, fit for keys and tokens.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::rng().fill(bytes.as_mut_slice());
        bytes
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
fn system_us() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_epoch.map_or(0, |elapsed| i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_go_backwards() {
        let clock = Clock::system();
        let ahead = clock.now_us() + 3_600 * MICROSECONDS;

        // As if the machine's clock had been an hour ahead and was corrected.
        clock.latest.store(ahead, Ordering::Release);

        assert_eq!(clock.clone().now_us(), ahead);
        assert_eq!(clock.now_seconds(), ahead / MICROSECONDS);
    }

    #[test]
    fn a_stopped_clock_moves_only_when_told() {
        let clock = Clock::stopped_at(5 * MICROSECONDS);
        clock.clone().advance(Duration::from_millis(1_500));
        assert_eq!((clock.now_us(), clock.now_seconds()), (6_500_000, 6));
    }

    #[test]
    fn ids_sort_in_the_order_they_were_made() {
        let clock = Clock::system();
        let ids: Vec<Uuid> = (0..1_000).map(|_| clock.new_id()).collect();
        assert!(ids.is_sorted_by(|left, right| left < right));
        assert_ne!(clock.random::<32>(), clock.random::<32>());
    }
}

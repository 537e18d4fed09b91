//! How long a tenant's signing keys live.

use std::time::Duration;

/// The times of a signing key's life.
///
/// A receiver may keep the key set for fifteen minutes, as its `Cache-Control`
/// says; the two first times must be longer than that, or a receiver meets a key
/// that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTimes {
    /// A new key is in the key set for so long before it signs.
    pub shown_before: Duration,
    /// A key stays in the key set for so long after its last signature.
    pub kept_after: Duration,
    /// A key that is older is replaced; none if keys are replaced by command alone.
    pub replaced_after: Option<Duration>,
}

impl Default for KeyTimes {
    /// A day, two weeks, ninety days.
    fn default() -> Self {
        Self {
            shown_before: Duration::from_hours(24),
            kept_after: Duration::from_hours(14 * 24),
            replaced_after: Some(Duration::from_hours(90 * 24)),
        }
    }
}

//! How much one tenant may ask for, so that there is enough for the others.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::Settings;

/// Bounds of the requests of a minute.
const PER_MINUTE: RangeInclusive<u32> = 1..=1_000_000;
/// Bounds of the requests at a time.
const AT_A_TIME: RangeInclusive<u32> = 1..=1_000;

/// What a tenant's directories may ask of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantLimits {
    /// So many SCIM requests at once, and as many evenly over each minute; any number
    /// if it is not set.
    pub requests_per_minute: Option<u32>,
    /// So many SCIM requests are done at a time; others wait for them.
    pub concurrent_requests: u32,
    /// So many while other tenants ask too, so that these do not wait long.
    pub concurrent_requests_shared: u32,
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self { requests_per_minute: None, concurrent_requests: 64, concurrent_requests_shared: 4 }
    }
}

impl Settings for TenantLimits {
    fn fault(&self) -> Option<String> {
        let fault = |name: &str, range: RangeInclusive<u32>, value: u32| {
            let (least, most) = (range.start(), range.end());
            (!range.contains(&value)).then(|| format!("`{name}` is {least} to {most}"))
        };
        let per_minute = self.requests_per_minute.unwrap_or(*PER_MINUTE.start());
        fault("requests_per_minute", PER_MINUTE, per_minute)
            .or_else(|| fault("concurrent_requests", AT_A_TIME, self.concurrent_requests))
            .or_else(|| {
                let shared = self.concurrent_requests_shared;
                fault("concurrent_requests_shared", AT_A_TIME, shared)
            })
    }
}

//! When the brake holds: how many people may be deprovisioned in a time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Settings;

/// So many people may always go in a window, whatever part of all they are.
pub const ALWAYS: i64 = 5;
/// The longest window.
pub const LONGEST_WINDOW: Duration = Duration::from_hours(7 * 24);

/// Most people that may be set: each deprovisioning counts so many rows at most.
const MOST_PEOPLE: u32 = 10_000;
/// Bounds of the window, in seconds.
const WINDOW_S: std::ops::RangeInclusive<u32> = 60..=604_800;

/// What is set for a tenant's brake. With neither `people` nor `percent` it never holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrakeSettings {
    /// So many people may be deprovisioned in a window.
    pub people: Option<u32>,
    /// So many of a hundred active people may, and [`ALWAYS`] of them anyway.
    pub percent: Option<u32>,
    /// How long the window is, in seconds.
    pub window_s: u32,
}

impl Default for BrakeSettings {
    fn default() -> Self {
        Self { people: None, percent: None, window_s: 3_600 }
    }
}

impl BrakeSettings {
    /// How many may go in a window, of `people` that were active before; none if
    /// all may.
    pub fn limit(&self, people: i64) -> Option<i64> {
        let part = |percent: u32| {
            let part = people.saturating_mul(i64::from(percent)).div_euclid(100);
            part.max(ALWAYS)
        };
        let limits = [self.people.map(i64::from), self.percent.map(part)];
        limits.into_iter().flatten().min()
    }
}

impl Settings for BrakeSettings {
    fn fault(&self) -> Option<String> {
        if self.people.is_some_and(|people| !(1..=MOST_PEOPLE).contains(&people)) {
            return Some(format!("`people` is 1 to {MOST_PEOPLE}"));
        }
        if self.percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
            return Some("`percent` is 1 to 100".to_owned());
        }
        let (least, most) = (WINDOW_S.start(), WINDOW_S.end());
        let fits = WINDOW_S.contains(&self.window_s);
        (!fits).then(|| format!("`window_s` is {least} to {most} seconds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_limit_holds() {
        let set = |people, percent| BrakeSettings { people, percent, window_s: 60 };
        for (settings, people, limit) in [
            (set(None, None), 1_000, None),
            (set(Some(20), None), 1_000, Some(20)),
            (set(None, Some(10)), 1_000, Some(100)),
            (set(Some(20), Some(10)), 1_000, Some(20)),
            (set(Some(20), Some(1)), 1_000, Some(10)),
            (set(None, Some(10)), 7, Some(ALWAYS)),
            (set(Some(2), Some(10)), 7, Some(2)),
        ] {
            assert_eq!(settings.limit(people), limit, "{settings:?} of {people}");
        }
    }
}

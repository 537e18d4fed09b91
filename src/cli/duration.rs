//! Lengths of time as people write them.

use std::time::Duration;

/// No token should outlive the people who know what it is for.
const LONGEST: Duration = Duration::from_secs(3_650 * 86_400);

/// Parses `90d`, `12h`, `30m` or `45s`, up to ten years.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let expected = || "expected a number and d, h, m or s, such as 90d".to_owned();
    let (number, unit) =
        text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let number: u64 = number.parse().map_err(|_| expected())?;
    let seconds = match unit {
        "d" => number.checked_mul(86_400),
        "h" => number.checked_mul(3_600),
        "m" => number.checked_mul(60),
        "s" => Some(number),
        _ => None,
    };
    match seconds {
        Some(0) | None => Err(expected()),
        Some(seconds) if LONGEST.as_secs() < seconds => Err("expected at most 3650d".to_owned()),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

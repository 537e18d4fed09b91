//! When an offboarding is due.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::provision::operator::OperatorError;

/// How far ahead an offboarding can be planned, in microseconds: two years.
const FARTHEST_US: i64 = 2 * 366 * 86_400 * 1_000_000;

/// Microseconds since 1970 of a time as people write it: with an offset, or as clocks
/// in a time zone show it. A time that the clocks there skip is the one after the
/// gap; of one that they show twice it is the first.
///
/// # Errors
///
/// [`OperatorError::Invalid`] if it cannot be read, has passed, or is too far ahead.
pub(super) fn due_us(at: &str, time_zone: Option<&str>, now_us: i64) -> Result<i64, OperatorError> {
    let due_us = match time_zone {
        Some(zone) => in_zone(at, zone)?,
        None => at.parse::<Timestamp>().map_err(|_| invalid(at))?.as_microsecond(),
    };
    if due_us <= now_us {
        let rule = format!("`at`: {} has passed", shown(at));
        return Err(OperatorError::Invalid(rule));
    }
    if now_us.saturating_add(FARTHEST_US) < due_us {
        return Err(OperatorError::Invalid("`at` is at most two years ahead".to_owned()));
    }
    Ok(due_us)
}

fn in_zone(at: &str, zone: &str) -> Result<i64, OperatorError> {
    if at.parse::<Timestamp>().is_ok() {
        let rule = "`at` has an offset, so it is said without `time_zone`";
        return Err(OperatorError::Invalid(rule.to_owned()));
    }
    let known = TimeZone::get(zone).map_err(|_| {
        let name = shown(zone);
        OperatorError::Invalid(format!("`time_zone`: {name} is none, such as `Europe/Lisbon`"))
    })?;
    let shown: DateTime = at.parse().map_err(|_| invalid(at))?;
    let zoned = shown.to_zoned(known).map_err(|_| invalid(at))?;
    Ok(zoned.timestamp().as_microsecond())
}

fn invalid(at: &str) -> OperatorError {
    OperatorError::Invalid(format!(
        "`at`: expected a time with an offset, such as `2030-11-30T18:00:00Z`, or one without and \
         a `time_zone`, not {}",
        shown(at)
    ))
}

fn shown(text: &str) -> String {
    let text: String = text.chars().filter(|char| !char.is_control()).take(64).collect();
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_moment() {
        let at = |at: &str, zone| due_us(at, zone, 0).map(|us| us / 1_000_000);
        for (text, zone, seconds) in [
            ("1970-06-30T18:00:00Z", None, 15_616_800),
            ("1970-06-30T18:00:00+02:00", None, 15_609_600),
            // Portugal kept summer time the whole year then.
            ("1970-06-30T18:00:00", Some("Europe/Lisbon"), 15_613_200),
            ("1970-06-30T18:00", Some("UTC"), 15_616_800),
            // The clocks in Berlin showed neither, or both.
            ("1980-04-06T02:30:00", Some("Europe/Berlin"), 323_832_600),
            ("1980-09-28T02:30:00", Some("Europe/Berlin"), 338_949_000),
        ] {
            let due = due_us(text, zone, seconds * 1_000_000 - 1).map(|us| us / 1_000_000);
            assert_eq!(due.unwrap(), seconds, "{text} {zone:?}");
        }
        for (text, zone, named) in [
            ("1970-06-30T18:00:00", None, "time_zone"),
            ("1970-06-30T18:00:00Z", Some("Europe/Lisbon"), "offset"),
            ("1970-06-30T18:00:00", Some("Europe/Nowhere"), "Europe/Nowhere"),
            ("tomorrow", Some("UTC"), "tomorrow"),
            ("1969-06-30T18:00:00Z", None, "passed"),
            ("1972-06-30T18:00:00Z", None, "two years"),
        ] {
            let refused = at(text, zone).unwrap_err();
            assert!(refused.to_string().contains(named), "{text}: {refused}");
        }
    }
}

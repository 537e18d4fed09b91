//! Dates with times (RFC 7643 §2.3.5), as microseconds since
//! 1970-01-01T00:00:00Z.
//!
//! Instants compare as numbers, in memory and in the database, whatever zone
//! and however many digits they were written with.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// 0000-01-01T00:00:00Z, the first instant that four digits of a year can name.
const FIRST: i64 = -62_167_219_200_000_000;
/// The last microsecond of the year 9999.
const LAST: i64 = 253_402_300_799_999_999;

/// Reads an `xsd:dateTime`, such as `2011-05-13T04:42:34Z`.
///
/// Without a zone, UTC is meant. Digits of the second behind the sixth are cut
/// off. A date without a time is none.
pub fn parse_date_time(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    if date.len() != 10 || time.contains('z') {
        return None;
    }
    let parsed = match time.contains(['Z', '+', '-']) {
        true => OffsetDateTime::parse(text, &Rfc3339),
        false => OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339),
    };
    let nanoseconds = parsed.ok()?.unix_timestamp_nanos();
    i64::try_from(nanoseconds.div_euclid(1_000)).ok()
}

/// Writes an instant as `2026-11-23T17:00:00.123Z`, always in UTC and always
/// with milliseconds.
///
/// An instant outside the years 0000 to 9999, which the form cannot show, is
/// shown as the nearest one inside.
pub fn format(microseconds: i64) -> String {
    let mut text = String::with_capacity(24);
    push(&mut text, microseconds);
    text
}

/// Adds what [`format()`] writes. Lists do this twice a resource, so it is done
/// by hand, digit by digit.
pub fn push(text: &mut String, microseconds: i64) {
    let nanoseconds = i128::from(microseconds.clamp(FIRST, LAST)) * 1_000;
    let instant = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    push_digits(text, 4, u32::try_from(instant.year()).unwrap_or(0), "-");
    push_digits(text, 2, u8::from(instant.month()).into(), "-");
    push_digits(text, 2, instant.day().into(), "T");
    push_digits(text, 2, instant.hour().into(), ":");
    push_digits(text, 2, instant.minute().into(), ":");
    push_digits(text, 2, instant.second().into(), ".");
    push_digits(text, 3, instant.millisecond().into(), "Z");
}

fn push_digits(text: &mut String, digits: u32, number: u32, end: &str) {
    for place in (0..digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.extend(char::from_digit(digit, 10));
    }
    text.push_str(end);
}

#[cfg(test)]
mod tests {
    use super::{FIRST, LAST, format, parse_date_time};

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(parse_date_time(text), expected, "{text}");
    }

    #[test]
    fn spellings_of_one_instant_are_equal() {
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T01:00:00+01:00",
            "2025-12-31T19:00:00-05:00",
            "2026-01-01T00:00:00.0Z",
            "2026-01-01T00:00:00.000000000000Z",
        ] {
            check(text, Some(1_767_225_600_000_000));
        }
    }

    #[test]
    fn fractions_of_any_length_are_cut_to_microseconds() {
        check("1970-01-01T00:00:00.5Z", Some(500_000));
        check("1970-01-01T00:00:00.1234567", Some(123_456));
        check("1970-01-01T00:00:00.12345699999999999999999+00:00", Some(123_456));
        check("1969-12-31T23:59:59.9999999Z", Some(-1));
    }

    #[test]
    fn what_is_no_date_with_a_time_is_refused() {
        for text in [
            "",
            "T",
            "2026-01-01",
            "2026-01-01T",
            "2026-01-01T00:00Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01t00:00:00Z",
            "2026-01-01T00:00:00z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00ZZ",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T25:00:00Z",
            "26-01-01T00:00:00Z",
            "20260101T000000Z",
            "yesterday",
            "2026-01-01T00:00:00Ä",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds() {
        assert_eq!(format(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(format(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(format(1_795_453_200_123_999), "2026-11-23T17:00:00.123Z");
        assert_eq!(format(FIRST), "0000-01-01T00:00:00.000Z");
        assert_eq!(format(LAST), "9999-12-31T23:59:59.999Z");
        assert_eq!(format(i64::MAX), format(LAST));
        assert_eq!(format(i64::MIN), format(FIRST));
    }
}

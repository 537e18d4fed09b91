//! Dates with times: what is read is written so that it is read as the same
//! millisecond, and written texts have the order of their instants.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::scim::date_time::{format, parse_date_time};

const MILLISECOND: i64 = 1_000;
/// Beyond these, four digits do not name the year in UTC.
const WRITTEN: std::ops::RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_300_799_999_999;

fuzz_target!(|texts: (&str, &str)| {
    let read = [texts.0, texts.1].map(parse_date_time);
    for instant in read.into_iter().flatten().filter(|instant| WRITTEN.contains(instant)) {
        let written = format(instant);
        let whole = instant.div_euclid(MILLISECOND) * MILLISECOND;
        assert_eq!(parse_date_time(&written), Some(whole), "{texts:?}");
    }
    if let [Some(first), Some(second)] = read {
        let in_order = format(first) <= format(second);
        assert!(in_order || second < first, "{texts:?}");
    }
});

//! Filters: what parses prints and parses to the same, and both are answered alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{
    SAMPLES, leniencies,
    scim::filter::{Filter, MAX_BYTES, check, eval, parse},
};

fuzz_target!(|text: &str| {
    for leniency in leniencies() {
        let Ok(filter) = parse(text, leniency) else { continue };
        let printed = filter.to_string();
        if printed.len() <= MAX_BYTES {
            assert_eq!(parse(&printed, leniency).as_ref(), Ok(&filter), "{printed}");
        }
        let opposite = Filter::Not(Box::new(filter.clone()));
        for sample in SAMPLES.iter() {
            let Ok(checked) = check(&filter, &sample.resource_type, leniency) else { continue };
            let opposite = check(&opposite, &sample.resource_type, leniency).expect("as its term");
            let resource = sample.document.attributes();
            assert_ne!(eval(&checked, resource), eval(&opposite, resource), "{printed}");
        }
    }
});

//! Bodies of POST and PUT: what is accepted is valid, whatever it was read from.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{
    SAMPLES, assert_valid, leniencies,
    scim::{json, resource::validate},
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = json::parse_object(bytes) else { return };
    for leniency in leniencies() {
        for sample in SAMPLES.iter() {
            for current in [None, Some(&sample.document)] {
                let read = validate(&sample.resource_type, body.clone(), current, leniency);
                if let Ok(incoming) = read {
                    assert_valid(&sample.resource_type, &incoming.document, leniency);
                }
            }
        }
    }
});

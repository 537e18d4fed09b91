//! PATCH bodies on users and a group: what is applied leaves a valid resource, and
//! what asks for nothing leaves it equal.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{
    SAMPLES, assert_valid, leniencies,
    scim::{
        json,
        patch::{PatchOp, apply},
        resource::changes,
    },
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = json::parse_object(bytes) else { return };
    for leniency in leniencies() {
        for sample in SAMPLES.iter() {
            let resource_type = &sample.resource_type;
            let Ok(patch) = PatchOp::parse(body.clone(), resource_type, leniency) else { continue };
            let Ok(patched) = apply(resource_type, &sample.document, &patch, leniency) else {
                continue;
            };
            assert_valid(resource_type, &patched.document, leniency);
            let changed = changes(resource_type, &sample.document, &patched.document);
            assert_eq!(changed.is_empty(), patched.document == sample.document, "{changed:?}");
        }
    }
});

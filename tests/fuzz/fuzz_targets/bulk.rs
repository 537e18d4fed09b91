//! Bulk requests: the plan does each operation once and after those it needs, and
//! names that nobody has stay as they are.

#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{
    leniencies,
    scim::{
        bulk::{BulkRequest, Method, plan},
        json,
        schema::Registry,
    },
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = json::parse_object(bytes) else { return };
    let registry = Registry::shared();
    for leniency in leniencies() {
        let Ok(request) = BulkRequest::parse(body.clone(), &registry, leniency) else { continue };
        let operations = &request.operations;
        let units = plan(operations);
        let mut unit_of = HashMap::new();
        for (unit, members) in units.iter().enumerate() {
            for place in members {
                assert_eq!(unit_of.insert(*place, unit), None, "an operation is done once");
            }
        }
        assert_eq!(unit_of.len(), operations.len(), "every operation is done");

        let mut made = HashMap::new();
        for (place, operation) in operations.iter().enumerate() {
            let Ok(operation) = operation else { continue };
            if let (Method::Post, Some(name)) = (operation.method, &operation.bulk_id) {
                made.entry(name.as_str()).or_insert(place);
            }
        }
        for (place, operation) in operations.iter().enumerate() {
            let Ok(operation) = operation else { continue };
            for needed in operation.needs().filter_map(|name| made.get(name)) {
                assert!(unit_of[needed] <= unit_of[&place], "{needed} before {place}");
            }
            assert_eq!(operation.resolved(leniency, &|_| None), operation.data);
            let left = operation.without(leniency, &|_| false);
            assert_eq!(left.data, operation.data);
        }
    }
});

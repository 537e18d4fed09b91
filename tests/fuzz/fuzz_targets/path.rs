//! Paths of PATCH operations: what parses prints and parses to the same, and what
//! names an attribute is named the same by the attribute's own spelling.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{
    SAMPLES, leniencies,
    scim::path::{PatchPath, Resolved, parse_attribute_path, parse_patch_path, resolve},
};

fuzz_target!(|text: &str| {
    if let Ok(path) = parse_attribute_path(text) {
        assert_eq!(path.to_string(), text);
    }
    for leniency in leniencies() {
        let Ok(parsed) = parse_patch_path(text, leniency) else { continue };
        let printed = match &parsed {
            PatchPath::Attribute(path) => path.to_string(),
            PatchPath::Value { path, filter, sub: None } => format!("{path}[{filter}]"),
            PatchPath::Value { path, filter, sub: Some(sub) } => format!("{path}[{filter}].{sub}"),
        };
        // Printing may add what the client left out, and go over the limit.
        if let Ok(again) = parse_patch_path(&printed, leniency) {
            assert_eq!(again, parsed, "{printed}");
        } else {
            assert!(text.len() < printed.len(), "{printed}");
        }
        let (PatchPath::Attribute(path) | PatchPath::Value { path, .. }) = &parsed;
        for sample in SAMPLES.iter() {
            let Ok(Resolved::Attribute(found)) = resolve(path, &sample.resource_type, leniency)
            else {
                continue;
            };
            let canonical = parse_attribute_path(&found.to_string()).expect("a canonical path");
            let again = resolve(&canonical, &sample.resource_type, leniency);
            assert_eq!(again, Ok(Resolved::Attribute(found)), "{text}");
        }
    }
});

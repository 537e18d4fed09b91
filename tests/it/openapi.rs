//! The OpenAPI documents in `openapi/` are those of the code.
//!
//! To write them anew: `UPDATE_OPENAPI=1 cargo test --test it openapi`.

use std::{collections::BTreeSet, env, fs, path::Path};

#[test]
fn the_documents_are_those_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    let documents = muster::app::openapi();

    for (name, text) in &documents {
        let path = folder.join(name);
        if env::var_os("UPDATE_OPENAPI").is_some() {
            fs::write(&path, text).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == *text, "openapi/{name} is not that of the code; {HOW_TO_UPDATE}");
    }

    let kept = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let made = documents.iter().map(|(name, _)| name.to_string());
    assert_eq!(kept.collect::<BTreeSet<_>>(), made.collect::<BTreeSet<_>>(), "{HOW_TO_UPDATE}");
    assert!(!documents.is_empty());
}

const HOW_TO_UPDATE: &str =
    "write the documents anew: UPDATE_OPENAPI=1 cargo test --test it openapi";

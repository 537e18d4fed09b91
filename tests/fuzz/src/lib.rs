//! The protocol core, compiled alone, and what the fuzz targets share.

#[path = "../../../src/scim/mod.rs"]
pub mod scim;

use std::sync::{Arc, LazyLock};

use scim::{
    dialect::{Dialect, Leniency},
    json,
    resource::{Document, validate},
    schema::{Registry, ResourceType},
};
use serde_json::{Map, Value};

/// The RFCs to the letter, and everything whose meaning is clear.
pub fn leniencies() -> [&'static Leniency; 2] {
    [Dialect::Strict.leniency(), Dialect::Generic.leniency()]
}

/// Resources of every type that filters are asked of and that PATCHes change.
pub static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let registry = Registry::shared();
    let bare = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"bare"}"#;
    let users = [include_str!("full_user.json"), bare];
    let users = users.map(|text| Sample::read(registry.user(), text));
    let group = Sample::read(
        registry.group(),
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Staff"}"#,
    );
    users.into_iter().chain([group]).collect()
});

/// A stored resource.
pub struct Sample {
    pub resource_type: Arc<ResourceType>,
    pub document: Document,
}

impl Sample {
    fn read(resource_type: Arc<ResourceType>, text: &str) -> Self {
        let body = json::parse_object(text.as_bytes()).expect("a sample is JSON");
        let incoming = validate(&resource_type, body, None, Dialect::Strict.leniency());
        Self { document: incoming.expect("a sample is valid").document, resource_type }
    }
}

/// Demands that `document` could have been sent as it is, by who is read so leniently,
/// with nothing to correct.
pub fn assert_valid(resource_type: &ResourceType, document: &Document, leniency: &Leniency) {
    let text = document.to_json(resource_type);
    let body = json::parse_object(text.as_bytes()).expect("a document is JSON");
    let read = validate(resource_type, body, None, leniency);
    let read = read.unwrap_or_else(|error| panic!("{error:?}\n{text}")).document;
    assert_eq!(but_active(&read), but_active(document), "{text}");
    let stored = Document::from_json(&text).expect("a document is read again");
    assert_eq!(&stored, document);
}

/// Every attribute but `active`, which a body that does not state it gets.
fn but_active(document: &Document) -> Map<String, Value> {
    let attributes = document.attributes().iter().filter(|(name, _)| *name != "active");
    attributes.map(|(name, value)| (name.clone(), value.clone())).collect()
}

//! Schemas that change under stored resources.

use futures_util::future::join;
use muster::provision::operator::OperatorError;
use serde_json::{Value, json};

use super::{
    DEVICE, believed, check_taken, device, device_schema, device_type, found, post, with,
    with_devices,
};
use crate::support::{TestApp, TestTenant, replace};

/// The schema of devices with another definition of an attribute, or without it.
fn changed(name: &str, change: &Value) -> Value {
    let mut schema = device_schema();
    let attributes = schema["attributes"].as_array_mut().unwrap();
    if change.is_null() {
        attributes.retain(|attribute| attribute["name"] != name);
        return schema;
    }
    if attributes.iter().all(|attribute| attribute["name"] != name) {
        attributes.push(json!({ "name": name }));
    }
    for attribute in attributes.iter_mut().filter(|attribute| attribute["name"] == name) {
        for (member, value) in change.as_object().unwrap() {
            attribute[member] = value.clone();
        }
    }
    schema
}

async fn put(app: &TestApp, tenant: &TestTenant, schema: &Value) -> Result<Value, OperatorError> {
    app.operator().put_schema(tenant.name(), None, schema).await
}

#[track_caller]
fn check_in_use<T: std::fmt::Debug>(outcome: Result<T, OperatorError>, detail: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.status(), 409, "{error}");
    assert!(error.to_string().contains(detail), "{error}");
}

on_both_databases! {
    async fn what_stored_resources_would_break_is_refused(app: TestApp) {
        let acme = with_devices(&app).await;
        let slotted = |serial: &str, slot: i64| {
            let mac = format!("{serial}:{}", serial.starts_with('S'));
            with(device(serial, &mac), "slot", json!(slot))
        };
        acme.create("Devices", slotted("S-1", 1)).await;
        acme.create("Devices", slotted("s-1", 1)).await;
        acme.create("Devices", device("S-3", "AA:03")).await;

        for (name, change, detail) in [
            ("slot", Value::Null, "2 of 3 resources of type `Device` stand in the way; of the first, `slot` has a value"),
            ("slot", json!({ "type": "string" }), "2 of 3"),
            ("slot", json!({ "multiValued": true }), "2 of 3"),
            ("slot", json!({ "required": true }), "1 of 3 resources of type `Device` stands in the way"),
            ("slot", json!({ "uniqueness": "server" }), "another resource has the same value of `slot`"),
            ("slot", json!({ "returned": "never", "indexed": false }), "2 of 3"),
            ("serialNumber", json!({ "caseExact": false }), "1 of 3"),
            ("serialNumber", json!({ "canonicalValues": ["S-1", "S-3"] }), "1 of 3"),
            ("displayName", json!({ "name": "DisplayName" }), "3 of 3"),
            ("firmware", json!({ "required": true }), "3 of 3"),
        ] {
            check_in_use(put(&app, &acme, &changed(name, &change)).await, detail);
        }
        check_in_use(app.operator().delete_resource_type(acme.name(), "Device").await, "still has 3 resources");
        check_in_use(app.operator().delete_schema(acme.name(), DEVICE).await, "used by Device");
        let moved = with(device_type(), "endpoint", json!("/Things"));
        check_in_use(app.operator().put_resource_type(acme.name(), None, &moved).await, "/Devices");
        // Refused changes leave everything as it was.
        assert_eq!(app.operator().schema(acme.name(), DEVICE).await.unwrap()["attributes"], changed_form(&acme, &app).await);
        post(&acme, slotted("S-1", 1)).await.expect_error(409, Some("uniqueness"));
    }

    async fn what_they_fit_is_changed(app: TestApp) {
        let acme = with_devices(&app).await;
        let lamp = acme.create("Devices", with(device("S-1", "AA:01"), "slot", json!(1))).await;
        acme.create("Devices", with(device("S-2", "AA:02"), "slot", json!(2))).await;

        for (name, change) in [
            ("displayName", json!({ "description": "Other words." })),
            ("firmware", json!({ "indexed": true })),
            ("slot", json!({ "type": "decimal" })),
            ("serialNumber", json!({ "caseExact": false, "required": true })),
            ("mudUrl", Value::Null),
        ] {
            put(&app, &acme, &changed(name, &change)).await.unwrap();
        }
        put(&app, &acme, &changed("slot", &json!({ "uniqueness": "server" }))).await.unwrap();
        believed().await;
        // What was stored before has the keys that the new schema asks for.
        let again = post(&acme, with(device("S-3", "AA:03"), "slot", json!(2))).await;
        check_taken(&again, "slot");
        assert_eq!(found(&acme, "slot eq 1").await, [lamp.id()]);
        acme.patch(&lamp, replace("slot", 3)).await.expect(200);
        post(&acme, with(device("S-3", "AA:03"), "slot", json!(1))).await.expect(201);
        // A type without resources goes; its code is not given again.
        for id in found(&acme, "active eq true").await {
            acme.delete(&lamp.with_id(&id)).await.expect(204);
        }
        app.operator().delete_resource_type(acme.name(), "Device").await.unwrap();
        app.operator().delete_schema(acme.name(), DEVICE).await.unwrap();
        believed().await;
        acme.request(reqwest::Method::GET, "/Devices").await.expect_error(404, None);
        put(&app, &acme, &device_schema()).await.unwrap();
        app.operator().put_resource_type(acme.name(), None, &device_type()).await.unwrap();
        believed().await;
        assert!(found(&acme, "active eq true").await.is_empty());
    }

    async fn a_write_is_judged_by_one_version(app: TestApp) {
        for _ in 0..4 {
            let acme = with_devices(&app).await;
            acme.create("Devices", device("first", "first")).await;
            // A88
            let bodies = (0..12).map(|n| with(device(&format!("S-{n}"), &format!("{n}")), "slot", json!(n)));
            let writes = futures_util::future::join_all(bodies.map(|body| post(&acme, body).send()));
            let without = changed("slot", &Value::Null);
            let (answers, change) = join(writes, put(&app, &acme, &without)).await;
            for answer in &answers {
                assert!([201, 503].contains(&answer.status), "{answer}");
            }
            believed().await;
            let all = acme.list("Devices", "active eq true").await.expect(200);
            let slotted = all.body.to_string().contains("\"slot\"");
            match change {
                Ok(_) => assert!(!slotted, "a value without an attribute: {all}"),
                Err(error) => {
                    assert_eq!(error.status(), 409, "{error}");
                    assert!(slotted, "{all}");
                }
            }
        }
    }
}

/// The attributes of the schema of devices as they are kept.
async fn changed_form(acme: &TestTenant, app: &TestApp) -> Value {
    put(app, acme, &device_schema()).await.unwrap()["attributes"].clone()
}

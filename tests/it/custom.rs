//! Schemas and resource types of a tenant's own: devices (RFC 9944) from files alone.

mod changes;
mod characteristics;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, TestTenant, replace};

const DEVICE: &str = "urn:ietf:params:scim:schemas:core:2.0:Device";
const BLE: &str = "urn:ietf:params:scim:schemas:extension:ble:2.0:Device";
const FIDO: &str = "urn:ietf:params:scim:schemas:extension:fido-device-onboard:2.0:Device";

fn file(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn device_schema() -> Value {
    file(include_str!("../fixtures/device/device.json"))
}

fn device_type() -> Value {
    file(include_str!("../fixtures/device/resource_type.json"))
}

/// A tenant that has devices.
async fn with_devices(app: &TestApp) -> TestTenant {
    let (operator, tenant) = (app.operator(), app.new_tenant().await);
    for text in [
        include_str!("../fixtures/device/ble.json"),
        include_str!("../fixtures/device/fido.json"),
        include_str!("../fixtures/device/zigbee.json"),
    ] {
        operator.put_schema(tenant.name(), None, &file(text)).await.unwrap();
    }
    operator.put_schema(tenant.name(), None, &device_schema()).await.unwrap();
    operator.put_resource_type(tenant.name(), None, &device_type()).await.unwrap();
    tenant
}

fn device(serial: &str, mac: &str) -> Value {
    json!({
        "schemas": [DEVICE, BLE], "displayName": "Lamp", "active": true, "serialNumber": serial,
        BLE: { "deviceMacAddress": mac },
    })
}

fn post(tenant: &TestTenant, body: Value) -> crate::support::Request {
    tenant.request(Method::POST, "/Devices").json(body)
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

#[track_caller]
fn check_taken(answer: &Answer, path: &str) {
    answer.expect_error(409, Some("uniqueness"));
    assert!(answer["detail"].as_str().unwrap().contains(&format!("`{path}`")), "{answer}");
}

/// Ids that the filter finds.
async fn found(tenant: &TestTenant, filter: &str) -> Vec<String> {
    let list = tenant.list("Devices", filter).await.expect(200);
    let resources = list["Resources"].as_array().cloned().unwrap_or_default();
    resources.iter().map(|found| found["id"].as_str().unwrap().to_owned()).collect()
}

on_both_databases! {
    async fn devices_are_described(app: TestApp) {
        let (acme, other) = (with_devices(&app).await, app.new_tenant().await);

        // R80, R137, R518
        let kind = acme.request(Method::GET, "/ResourceTypes/Device").await.expect(200);
        assert_eq!((&kind["endpoint"], &kind["schema"]), (&json!("/Devices"), &json!(DEVICE)));
        // R141
        assert_eq!(kind["schemaExtensions"].as_array().unwrap().len(), 3);
        assert_eq!(kind["schemaExtensions"][0], json!({ "schema": BLE, "required": true }));
        // R140, R147
        for urn in [DEVICE, BLE, FIDO] {
            let schema = acme.request(Method::GET, &format!("/Schemas/{urn}")).await.expect(200);
            assert_eq!(schema["id"], urn);
            assert!(!schema.body.to_string().contains("indexed"), "{schema}");
        }
        let types = acme.request(Method::GET, "/ResourceTypes").await.expect(200);
        assert_eq!(types["totalResults"], 3);
        assert_eq!(other.request(Method::GET, "/ResourceTypes").await["totalResults"], 2);
        other.request(Method::GET, &format!("/Schemas/{DEVICE}")).await.expect_error(404, None);
        other.request(Method::GET, "/Devices").await.expect_error(404, None);
        // R143
        acme.request(Method::POST, "/Schemas").json(device_schema()).await.expect_error(405, None);
    }

    async fn devices_are_made_and_found(app: TestApp) {
        let acme = with_devices(&app).await;
        // R529
        let lamp = acme.create("Devices", with(device("S-1", "AA:01"), "slot", json!(7))).await;
        let lock = acme.create("Devices", with(device("s-1", "AA:02"), "slot", json!(-12))).await;
        let shown = acme.get(&lamp).await.expect(200);
        assert_eq!(shown["meta"]["resourceType"], "Device");
        assert_eq!(shown["schemas"], json!([DEVICE, BLE]));
        assert!(shown["meta"]["location"].as_str().unwrap().ends_with(&lamp.path()));

        let (lamp_id, lock_id) = (lamp.id().to_owned(), lock.id().to_owned());
        for (filter, expected) in [
            // R36
            (r#"serialNumber eq "S-1""#, vec![&lamp_id]),
            (r#"serialNumber sw "S""#, vec![&lamp_id]),
            ("slot gt -13 and slot lt 0", vec![&lock_id]),
            ("slot ge 7", vec![&lamp_id]),
            ("slot ne 7", vec![&lock_id]),
            ("not (slot pr)", vec![]),
            // R37
            (r#"urn:ietf:params:scim:schemas:extension:ble:2.0:Device:deviceMacAddress eq "aa:01""#, vec![&lamp_id]),
            (r#"displayName co "AM" and active eq true"#, vec![&lamp_id, &lock_id]),
            (r#"meta.resourceType eq "Device""#, vec![&lamp_id, &lock_id]),
        ] {
            let expected: Vec<String> = expected.into_iter().cloned().collect();
            assert_eq!(found(&acme, filter).await, expected, "{filter}");
        }
        let everything = acme.request(Method::GET, "/?filter=active%20eq%20true").await;
        assert_eq!(everything.expect(200)["totalResults"], 2);

        acme.patch(&lamp, replace("slot", 8)).await.expect(200);
        assert_eq!(found(&acme, "slot eq 8").await, [lamp_id]);
        acme.patch(&lamp, replace("slot", "eight")).await.expect_error(400, Some("invalidValue"));
        let named = acme.request(Method::GET, &format!("{}?attributes=slot", lamp.path())).await;
        assert_eq!(named["slot"], 8);
        assert!(named["displayName"].is_null());
        acme.delete(&lamp).await.expect(204);
        acme.get(&lamp).await.expect_error(404, None);
        // What a deleted device had is free.
        acme.create("Devices", device("S-1", "AA:01")).await;
        assert_eq!(acme.events().await.last().unwrap(), "prov:create:notice");
    }

    async fn what_a_device_needs_is_demanded(app: TestApp) {
        let acme = with_devices(&app).await;
        let without = |name: &str| {
            let mut body = device("S-1", "AA:01");
            body.as_object_mut().unwrap().shift_remove(name);
            body
        };
        let paired = |method: &str| {
            let ble = json!({ "deviceMacAddress": "AA:01", "pairingMethods": [method] });
            with(device("S-1", "AA:01"), BLE, ble)
        };
        for (body, part) in [
            // R519
            (without("active"), "active"),
            // R142
            (without(BLE), BLE),
            (with(device("S-1", "AA:01"), BLE, json!({ "isRandom": true })), "deviceMacAddress"),
            (with(device("S-1", "AA:01"), FIDO, json!({ "fdoVoucher": 1.5 })), "fdoVoucher"),
            (paired("other"), "pairingNull"),
            (with(device("S-1", "AA:01"), "slot", json!("1")), "slot"),
        ] {
            let answer = post(&acme, body).await;
            answer.expect_error(400, Some("invalidValue"));
            assert!(answer["detail"].as_str().unwrap().contains(part), "{answer}");
        }
        post(&acme, paired("urn:ietf:params:scim:schemas:extension:pairingNull:2.0:Device")).await.expect(201);
        assert_eq!(found(&acme, "active eq true").await.len(), 1);
        let lamp = acme.create("Devices", device("S-2", "AA:02")).await;
        let remove = json!({ "op": "remove", "path": BLE });
        acme.patch(&lamp, remove).await.expect_error(400, Some("mutability"));
    }

    async fn a_unique_value_has_one_owner(app: TestApp) {
        let (acme, globex) = (with_devices(&app).await, with_devices(&app).await);
        let lamp = acme.create("Devices", device("S-1", "AA:01")).await;
        let lock = acme.create("Devices", device("S-2", "AA:02")).await;
        let mac = format!("{BLE}:deviceMacAddress");

        // R46
        globex.create("Devices", device("S-1", "AA:01")).await;
        check_taken(&post(&acme, device("S-1", "AA:03")).await, "serialNumber");
        check_taken(&post(&acme, device("S-3", "aa:01")).await, &mac);
        check_taken(&acme.patch(&lock, replace("serialNumber", "S-1")).await, "serialNumber");
        check_taken(&acme.put(&lock).json(device("S-2", "AA:01")).await, &mac);
        // A refused change leaves nothing behind.
        assert_eq!(found(&acme, "active eq true").await.len(), 2);
        acme.create("Devices", device("S-3", "AA:03")).await;
        assert_eq!(acme.get(&lock).await["serialNumber"], "S-2");
        // Its own value is no obstacle, and a value that was let go is free.
        acme.patch(&lamp, replace("displayName", "Light")).await.expect(200);
        acme.put(&lamp).json(device("S-9", "AA:01")).await.expect(200);
        acme.patch(&lock, replace("serialNumber", "S-1")).await.expect(200);
    }

    async fn of_many_at_once_one_gets_the_value(app: TestApp) {
        let acme = with_devices(&app).await;
        // A2
        let attempts = (0..16).map(|n| post(&acme, device("S-1", &format!("AA:{n}"))).send());
        let answers = futures_util::future::join_all(attempts).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        let refused = answers.iter().filter(|answer| answer.status == 409).count();
        assert_eq!((made, refused), (1, 15), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
        assert_eq!(found(&acme, "active eq true").await.len(), 1);
        assert_eq!(acme.events().await, ["prov:create:notice"]);
    }

    async fn what_nobody_may_read_is_not_kept(app: TestApp) {
        let acme = with_devices(&app).await;
        let mut body = device("S-1", "AA:01");
        body[BLE]["irk"] = json!("secret-irk");
        body[FIDO] = json!({ "fdoVoucher": "secret-voucher" });
        let made = post(&acme, body.clone()).await.expect(201);
        let notice = made.headers["muster-notice"].to_str().unwrap().to_owned();
        assert!(notice.contains("irk") && notice.contains("fdoVoucher"), "{notice}");
        let lamp = crate::support::Resource::new("Devices", made.clone());
        // R40, R42
        let asked = format!("{}?attributes={BLE}:irk,{FIDO}:fdoVoucher", lamp.path());
        let patched = acme.patch(&lamp, replace(&format!("{BLE}:irk"), "secret-irk-2")).await;
        for answer in [
            made,
            acme.get(&lamp).await,
            acme.request(Method::GET, &asked).await,
            acme.request(Method::GET, "/Devices").await,
            patched,
            acme.put(&lamp).json(device("S-1", "AA:01")).await,
        ] {
            let text = answer.clone().body.to_string();
            assert!(answer.status < 300, "{answer}");
            assert!(!text.contains("secret") && !text.contains("\"irk\""), "{answer}");
        }
        // That it has a voucher is kept, and what is required stays.
        assert!(acme.get(&lamp).await["schemas"].to_string().contains(FIDO));
        let filter = format!("{BLE}:irk eq \"secret-irk\"");
        acme.list("Devices", &filter).await.expect_error(400, Some("invalidFilter"));
        let mut lacking = device("S-2", "AA:02");
        lacking[FIDO] = json!({ "fdoVoucher": null });
        post(&acme, lacking).await.expect(201);
        let events = app.operator().events(Some(acme.name()), 0, 100).await.unwrap();
        let events = serde_json::to_string(&events).unwrap();
        assert!(!events.contains("secret"), "{events}");
    }

    async fn a_device_is_a_member_of_groups(app: TestApp) {
        let acme = with_devices(&app).await;
        let lamp = acme.create("Devices", device("S-1", "AA:01")).await;
        let members = json!([{ "value": lamp.id() }]);
        let lights = acme.create("Groups", json!({ "displayName": "Lights", "members": members })).await;
        // R521
        let member = acme.get(&lights).await["members"][0].clone();
        assert_eq!(member["type"], "Device", "{member}");
        assert!(member["$ref"].as_str().unwrap().ends_with(&lamp.path()), "{member}");
        // R520
        let shown = acme.get(&lamp).await;
        assert_eq!(shown["groups"][0]["value"], lights.id(), "{shown}");
        assert_eq!(found(&acme, &format!("groups.value eq \"{}\"", lights.id())).await, [lamp.id()]);
        assert_eq!(found(&acme, r#"groups.display co "igh""#).await, [lamp.id()]);
        acme.patch(&lamp, replace("groups", json!([]))).await.expect_error(400, Some("mutability"));
        acme.delete(&lamp).await.expect(204);
        let left = acme.get(&lights).await;
        assert!(left["members"].as_array().is_none_or(Vec::is_empty), "{left}");
    }

    async fn users_get_an_extension(app: TestApp) {
        let tenant = app.new_tenant().await;
        let badge = "urn:example:params:scim:schemas:extension:2.0:Badge";
        let schema = json!({ "id": badge, "attributes": [
            { "name": "number", "type": "integer", "required": true, "uniqueness": "server" },
            { "name": "colour", "canonicalValues": ["red", "blue"] },
            { "name": "shade", "canonicalValues": ["dark"], "openValues": true },
        ] });
        let user = json!({
            "name": "User", "endpoint": "/Users", "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
            "schemaExtensions": [{ "schema": badge, "required": false }],
        });
        app.operator().put_schema(tenant.name(), None, &schema).await.unwrap();
        app.operator().put_resource_type(tenant.name(), None, &user).await.unwrap();
        let body = |name: &str, badge_value: Value| json!({ "userName": name, badge: badge_value });
        let post = |body: Value| tenant.request(Method::POST, "/Users").json(body);

        post(json!({ "userName": "plain" })).await.expect(201);
        let made = post(body("a", json!({ "number": 1, "colour": "RED", "shade": "pale" }))).await.expect(201);
        assert_eq!(made[badge]["colour"], "RED");
        // R45, R47
        check_taken(&post(body("b", json!({ "number": 1 }))).await, &format!("{badge}:number"));
        // R7
        post(body("c", json!({ "number": 2, "colour": "green" }))).await.expect_error(400, Some("invalidValue"));
        post(body("d", json!({ "colour": "red" }))).await.expect_error(400, Some("invalidValue"));
        let list = tenant.list("Users", &format!("{badge}:number le 1")).await.expect(200);
        assert_eq!(list["totalResults"], 1);
        // Without resources that have it, it can go.
        let deleted = app.operator().delete_resource_type(tenant.name(), "User").await.unwrap_err();
        assert!(deleted.to_string().contains("1 of 2 resources"), "{deleted}");
    }
}

/// Until the tenant is served by the schemas that it has now: a token is believed for a second.
async fn believed() {
    tokio::time::sleep(Duration::from_millis(1_200)).await;
}

//! What an operator does from a shell about tokens and people.

use std::fs;

use serde_json::json;

use super::Shell;

#[test]
fn a_token_is_limited_and_rotated_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    shell.say(&["connection", "create", "acme", "okta", "--dialect", "okta"]);
    let issue = ["token", "issue", "acme", "--connection", "okta", "--network"];
    shell.fail(&[&issue[..], &["10.0.0.0/33"]].concat(), 2, "203.0.113.0/24");
    let old = shell.json(&[&issue[..], &["203.0.113.9/24"]].concat());
    assert_eq!(old["networks"], json!(["203.0.113.0/24"]));
    let rotate = ["token", "rotate", "acme", old["id"].as_str().unwrap()];

    let new = shell.json(&[&rotate[..], &["--overlap", "1h"]].concat());

    assert_ne!(new["token"], old["token"]);
    assert_eq!(new["networks"], old["networks"]);
    shell.fail(&[&rotate[..], &["--overlap", "31d"]].concat(), 2, "30 days");
    assert_eq!(shell.json(&["token", "list", "acme"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_tenants_limits_are_set_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    assert!(shell.say(&["tenant", "limits", "acme"]).contains("any number"));
    let set = shell.say(&["tenant", "limits", "acme", "--requests-per-minute", "600"]);
    assert!(set.contains("600 requests a minute, 64 at a time, 4 while"), "{set}");
    shell.fail(&["tenant", "limits", "acme", "--concurrent-requests", "0"], 2, "1 to 1000");
    shell.say(&["tenant", "limits", "acme", "--requests-per-minute", "default"]);
    assert_eq!(shell.json(&["tenant", "limits", "acme"])["requests_per_minute"], json!(null));
}

#[test]
fn the_record_is_read_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    assert_eq!(shell.say(&["audit", "list", "acme"]), "");

    shell.say(&["brake", "set", "acme", "--people", "3"]);

    let entry = shell.json(&["audit", "list", "acme", "--limit", "1"]);
    assert_eq!(
        (&entry["action"], &entry["actor"]),
        (&json!("brake.set"), &json!("operator:command-line"))
    );
    assert!(shell.say(&["audit", "list", "acme"]).contains("brake.set"));
    let signed = shell.json(&["audit", "checkpoint", "acme"]);
    let kept = shell.path().join("checkpoint.jwt");
    std::fs::write(&kept, signed["checkpoint"].as_str().unwrap()).unwrap();
    let kept = kept.to_str().unwrap();
    assert!(shell.say(&["audit", "verify", "acme"]).contains("are as recorded"));
    let verified = shell.json(&["audit", "verify", "acme", "--checkpoint", kept]);
    assert_eq!((&verified["intact"], &verified["faults"]), (&json!(true), &json!([])));
    shell.fail(&["audit", "verify", "acme", "--checkpoint", "/nowhere"], 1, "No such file");
    shell.fail(&["audit", "list", "nobody"], 1, "nobody");
    shell.fail(&["audit", "list", "acme", "--after", "x"], 2, "--after");
}

#[test]
fn clients_are_made_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    shell.say(&["connection", "create", "acme", "entra", "--dialect", "entra"]);

    let said = shell.say(&["client", "add", "acme", "entra", "--scope", "scim.users"]);

    assert!(said.contains("client_secret muster_client_") && said.contains("/t/acme/oauth/token"));
    let federated = ["--issuer", "https://sts.example/x", "--subject", "principal"];
    let keys = ["--jwks-uri", "https://sts.example/keys"];
    let add = [&["client", "add", "acme", "entra"], &federated[..], &keys[..]].concat();
    let made = shell.json(&add);
    assert_eq!(
        (&made["client"]["method"], &made["client_secret"]),
        (&json!("federated"), &json!(null))
    );
    shell.fail(&add, 1, "exists already");
    shell.fail(&["client", "add", "acme", "entra", "--scope", "root"], 2, "`root` is no scope");
    shell.fail(&["client", "add", "acme", "none"], 1, "connection `none`");
    shell.fail(&["client", "add", "acme", "entra", "--jwks", "/nowhere"], 1, "No such file");
    assert!(shell.say(&["client", "list", "acme"]).contains("federated"));
    let id = made["client"]["client_id"].as_str().unwrap();
    shell.say(&["client", "revoke", "acme", id]);
    shell.say(&add);
}

#[test]
fn administrators_are_added_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    shell.say(&["tenant", "create", "acme-eu", "--parent", "acme"]);
    shell.fail(&["tenant", "create", "other", "--parent", "nobody"], 1, "nobody");
    shell.fail(&["tenant", "delete", "acme", "--yes"], 1, "tenants belong to this one");
    let add = ["administrator", "add", "acme", "ann@acme.example", "--role"];

    let added = shell.json(&[&add[..], &["owner", "--with-children"]].concat());

    assert_eq!((&added["role"], &added["with_children"]), (&json!("owner"), &json!(true)));
    shell.fail(&[&add[..], &["owner"]].concat(), 1, "exists already");
    shell.fail(&[&add[..], &["root"]].concat(), 2, "possible values");
    assert!(shell.say(&["administrator", "list", "acme"]).contains("ann@acme.example"));
    let id = added["id"].as_str().unwrap();
    let code = shell.say(&["administrator", "link", "acme", id]);
    assert!(code.starts_with("muster_link_"), "{code}");
    shell.fail(&["administrator", "link", "acme", id, "--expires", "8d"], 2, "7 days");
    shell.say(&["administrator", "remove", "acme", id]);
    shell.fail(&["administrator", "remove", "acme", id], 1, id);
}

#[test]
fn roles_are_given_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    assert_eq!(shell.say(&["role", "list", "acme"]).trim(), "There are no rules for roles.");
    let rule = shell.json(&["role", "add", "acme", "purchaser", "--filter", "title eq \"Buyer\""]);
    assert!(shell.say(&["role", "list", "acme"]).contains("title eq"));
    let id = rule["id"].as_str().unwrap();
    shell.say(&["role", "delete", "acme", id]);
    shell.fail(&["role", "delete", "acme", id], 1, id);
    shell.fail(&["role", "add", "acme", "purchaser"], 2, "--group");
    shell.fail(&["role", "add", "acme", "purchaser", "--filter", "shoe eq 7"], 2, "shoe");
    shell.fail(&["role", "of", "acme", id], 1, id);
}

#[test]
fn people_leave_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    let offboard = |rest: &[&'static str]| [&["offboard"], rest].concat();
    let named = offboard(&["ann@work.example", "--tenant", "acme"]);
    assert_eq!(shell.say(&["offboarding", "list"]).trim(), "There are no offboardings.");
    let preview = shell.json(&[&named[..], &["--preview"]].concat());
    assert_eq!((&preview["state"], &preview["id"]), (&json!("preview"), &json!(null)));

    let done = shell.json(&named);

    assert_eq!(
        (&done["state"], &done["people"][0]["state"]),
        (&json!("done"), &json!("not_found"))
    );
    let id = done["id"].as_str().unwrap();
    assert!(shell.say(&["offboarding", "show", id]).contains("ann@work.example  not_found"));
    shell.fail(&["offboarding", "cancel", id], 1, "done");
    fs::write(shell.path().join("leavers.csv"), "name,e-mail\nAnn,ann@work.example\n").unwrap();
    let planned = offboard(&["--csv", "leavers.csv", "--at", "2027-06-30T18:00:00"]);
    shell.fail(&planned, 2, "time_zone");
    let planned = shell.json(&[&planned[..], &["--time-zone", "Europe/Lisbon"]].concat());
    assert_eq!(planned["due_at"], "2027-06-30T17:00:00.000Z");
    let id = planned["id"].as_str().unwrap();
    assert_eq!(shell.json(&["offboarding", "cancel", id])["state"], "cancelled");
    shell.fail(&offboard(&[]), 2, "PEOPLE");
    shell.fail(&offboard(&["a", "--time-zone", "UTC"]), 2, "--at");
    shell.fail(&offboard(&["--csv", "none.csv"]), 1, "none.csv");
    shell.fail(&offboard(&["a", "--tenant", "nobody"]), 1, "nobody");
}

#[test]
fn deleted_and_protected_users_are_seen_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    let id = "01900000-0000-7000-8000-000000000000";
    assert_eq!(shell.say(&["user", "deleted", "acme"]).trim(), "Nobody was deleted.");
    assert_eq!(shell.say(&["user", "protected", "acme"]).trim(), "Nobody is protected.");
    shell.fail(&["user", "restore", "acme", id], 1, id);
    shell.fail(&["user", "restore", "acme", "no-id"], 1, "no-id");
    shell.fail(&["user", "erase", "acme", id], 1, id);
    shell.fail(&["user", "protect", "acme", id], 2, "--reason");
    shell.fail(&["user", "protect", "acme", id, "--reason", "owner"], 1, id);
    shell.fail(&["user", "unprotect", "acme", id], 1, id);
    shell.fail(&["user", "deleted", "acme", "--limit", "1001"], 2, "1000");
}

#[test]
fn the_brake_is_set_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    assert!(shell.say(&["brake", "show", "acme"]).starts_with("The brake is off: no limit"));

    let set = shell.json(&["brake", "set", "acme", "--percent", "10", "--window", "2h"]);

    assert_eq!((&set["state"], &set["percent"]), (&json!("watching"), &json!(10)));
    assert_eq!(set["window_s"], 7_200);
    assert_eq!(shell.say(&["brake", "held", "acme"]).trim(), "Nobody is held.");
    shell.fail(&["brake", "set", "acme"], 2, "--people");
    shell.fail(&["brake", "set", "acme", "--people", "many"], 2, "many");
    shell.fail(&["brake", "reject", "acme"], 1, "watching");
    assert_eq!(shell.json(&["brake", "release", "acme", "--for", "1h"])["state"], "released");
    assert_eq!(shell.json(&["brake", "reset", "acme"])["state"], "watching");
    shell.say(&["brake", "set", "acme", "--percent", "default"]);
    assert!(shell.say(&["brake", "show", "acme"]).starts_with("The brake is off"));
}

//! Correctness before speed: what a provisioning client relies on, checked one by one.

use crate::data;
use crate::http::{Client, Resp, Target, enc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub pass: bool,
    pub detail: String,
}

struct Checks {
    c: Client,
    out: Vec<Check>,
}

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

impl Checks {
    fn put(&mut self, name: &str, pass: bool, detail: impl Into<String>) -> bool {
        let detail = if pass { String::new() } else { detail.into() };
        self.out.push(Check { name: name.into(), pass, detail });
        pass
    }
    fn req(
        &mut self,
        method: &str,
        path: &str,
        body: Option<Value>,
        extra: &[(&str, &str)],
    ) -> Resp {
        let text = body.map(|b| b.to_string());
        self.c.send(method, path, text.as_deref(), extra).unwrap_or_else(|e| Resp {
            status: 0,
            headers: vec![],
            body: e.to_string().into_bytes(),
        })
    }
    fn patch(&mut self, path: &str, ops: Value) -> Resp {
        self.req("PATCH", path, Some(json!({"schemas":[PATCH],"Operations":ops})), &[])
    }
}

fn s(v: &Value) -> &str {
    v.as_str().unwrap_or("")
}

fn empty(v: &Value) -> bool {
    v.as_array().is_none_or(Vec::is_empty)
}

/// User numbers from `base` on are used and deleted again where the server can delete.
pub fn run(target: &Target, other: Option<&Target>, base: usize) -> Vec<Check> {
    let mut k = Checks { c: Client::new(target, Duration::from_secs(20)), out: vec![] };

    let r = k.req("GET", "/Users?count=1", None, &[("Authorization", "")]);
    k.put("no token is refused with 401", r.status == 401, r.brief());
    let r = k.req("GET", "/Users?count=1", None, &[("Authorization", "Bearer wrong-token-000")]);
    k.put("a wrong token is refused with 401", r.status == 401, r.brief());
    for p in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
        let r = k.req("GET", p, None, &[]);
        k.put(&format!("GET {p} is 200"), r.status == 200, r.brief());
    }

    // Users: create and read.
    let body: Value = serde_json::from_str(&data::user_json(base)).unwrap();
    let un = data::user_name(base);
    let r = k.req("POST", "/Users", Some(body.clone()), &[]);
    let u = r.json();
    let id = s(&u["id"]).to_string();
    if !k.put("POST /Users is 201 with an id", r.status == 201 && !id.is_empty(), r.brief()) {
        return k.out;
    }
    let path = format!("/Users/{}", enc(&id));
    k.put(
        "POST answers a Location header",
        r.header("location").is_some_and(|l| l.ends_with(&id) || l.ends_with(&enc(&id))),
        format!("{:?}", r.header("location")),
    );
    k.put("POST answers an ETag header", r.header("etag").is_some(), "none");
    k.put(
        "Content-Type is application/scim+json",
        r.header("content-type").is_some_and(|c| c.starts_with("application/scim+json")),
        format!("{:?}", r.header("content-type")),
    );
    k.put(
        "meta has resourceType, created, lastModified, location",
        s(&u["meta"]["resourceType"]) == "User"
            && ["created", "lastModified", "location"].iter().all(|f| u["meta"][f].is_string()),
        u["meta"].to_string(),
    );
    k.put("meta.version is there", u["meta"]["version"].is_string(), u["meta"].to_string());
    let missing: Vec<&str> =
        ["externalId", "displayName", "title", "name", "emails", "phoneNumbers", "addresses", ENT]
            .into_iter()
            .filter(|f| u[*f].is_null())
            .collect();
    k.put(
        "all attributes sent come back",
        missing.is_empty() && u[ENT]["department"] == body[ENT]["department"],
        format!("missing: {missing:?}"),
    );

    let mut dup = body.clone();
    let r = k.req("POST", "/Users", Some(dup.clone()), &[]);
    k.put("same userName again is 409", r.status == 409, r.brief());
    k.put("the 409 has scimType uniqueness", s(&r.json()["scimType"]) == "uniqueness", r.brief());
    dup["userName"] = json!(un.to_uppercase());
    dup["externalId"] = json!("other-external-id");
    dup["emails"] = json!([{"value":"someone.else@example.com","type":"work","primary":true}]);
    let r = k.req("POST", "/Users", Some(dup), &[]);
    k.put("same userName in other case is 409", r.status == 409, r.brief());
    let extra_id = s(&r.json()["id"]).to_string();
    if r.status == 201 && !extra_id.is_empty() && extra_id != id {
        k.req("DELETE", &format!("/Users/{}", enc(&extra_id)), None, &[]);
    }

    let r = k.req("GET", &path, None, &[]);
    let etag = r.header("etag").map(String::from);
    k.put(
        "GET by id is 200 with the user",
        r.status == 200 && s(&r.json()["userName"]) == un,
        r.brief(),
    );
    k.put("GET answers an ETag header", etag.is_some(), "none");
    if let Some(e) = &etag {
        let r = k.req("GET", &path, None, &[("If-None-Match", e)]);
        k.put("If-None-Match with the current ETag is 304", r.status == 304, r.brief());
    }
    let r = k.req("GET", "/Users/00000000-0000-4000-8000-00000000dead", None, &[]);
    k.put(
        "GET of an unknown id is 404 with a SCIM error",
        r.status == 404 && r.json()["schemas"].to_string().contains(":Error"),
        r.brief(),
    );
    let r = k.req("GET", &format!("{path}?attributes=userName"), None, &[]);
    k.put(
        "attributes=userName leaves the others out",
        r.status == 200 && r.json()["emails"].is_null() && s(&r.json()["userName"]) == un,
        r.brief(),
    );

    // Filters and lists.
    let filt = |k: &mut Checks, name: &str, f: &str, want: u64| {
        let r = k.req("GET", &format!("/Users?filter={}", enc(f)), None, &[]);
        let v = r.json();
        let good = r.status == 200
            && v["totalResults"].as_u64() == Some(want)
            && v["schemas"].to_string().contains("ListResponse");
        k.put(name, good, r.brief());
    };
    filt(&mut k, "filter userName eq finds one", &format!("userName eq \"{un}\""), 1);
    filt(
        &mut k,
        "filter userName eq in other case finds one",
        &format!("userName eq \"{}\"", un.to_uppercase()),
        1,
    );
    filt(
        &mut k,
        "filter userName eq of nobody is an empty list, 200",
        "userName eq \"nobody@nowhere.example.com\"",
        0,
    );
    filt(
        &mut k,
        "filter externalId eq finds one",
        &format!("externalId eq \"{}\"", s(&body["externalId"])),
        1,
    );
    filt(
        &mut k,
        "filter emails[type eq \"work\"].value eq finds one",
        &format!("emails[type eq \"work\"].value eq \"{un}\""),
        1,
    );
    filt(
        &mut k,
        "filter with and finds one",
        &format!("userName sw \"user\" and externalId eq \"{}\"", s(&body["externalId"])),
        1,
    );
    let r = k.req("GET", &format!("/Users?filter={}", enc("userName zz \"x\" and (")), None, &[]);
    k.put(
        "a broken filter is 400 invalidFilter",
        r.status == 400 && s(&r.json()["scimType"]) == "invalidFilter",
        r.brief(),
    );
    let u2: Value = serde_json::from_str(&data::user_json(base + 1)).unwrap();
    let id2 = s(&k.req("POST", "/Users", Some(u2), &[]).json()["id"]).to_string();
    let r = k.req("GET", "/Users?startIndex=2&count=1", None, &[]);
    let v = r.json();
    k.put(
        "startIndex=2&count=1 pages",
        r.status == 200
            && v["Resources"].as_array().map(Vec::len) == Some(1)
            && v["totalResults"].as_u64() >= Some(2)
            && v["itemsPerPage"].as_u64() == Some(1),
        r.brief(),
    );
    let r = k.req("GET", "/Users?count=0", None, &[]);
    let v = r.json();
    k.put(
        "count=0 answers the total and no user",
        r.status == 200
            && v["totalResults"].as_u64() >= Some(2)
            && v["Resources"].as_array().map_or(0, Vec::len) == 0,
        r.brief(),
    );

    // Changes.
    let after = |k: &mut Checks, name: &str, ops: Value, good: &dyn Fn(&Value) -> bool| {
        let r = k.patch(&path, ops);
        let v = k.req("GET", &path, None, &[]).json();
        let pass = matches!(r.status, 200 | 204) && good(&v);
        k.put(name, pass, r.brief());
    };
    after(
        &mut k,
        "PATCH replace active false",
        json!([{"op":"replace","path":"active","value":false}]),
        &|v| v["active"] == json!(false),
    );
    after(
        &mut k,
        "PATCH Entra form: Replace, active \"True\"",
        json!([{"op":"Replace","path":"active","value":"True"}]),
        &|v| v["active"] == json!(true),
    );
    after(
        &mut k,
        "PATCH without a path",
        json!([{"op":"replace","value":{"displayName":"New Name"}}]),
        &|v| v["displayName"] == "New Name",
    );
    after(
        &mut k,
        "PATCH without a path, dotted key (Entra)",
        json!([{"op":"replace","value":{"name.givenName":"Dotty"}}]),
        &|v| v["name"]["givenName"] == "Dotty",
    );
    after(
        &mut k,
        "PATCH emails[type eq \"work\"].value",
        json!([{"op":"replace","path":"emails[type eq \"work\"].value","value":"w2@example.com"}]),
        &|v| {
            v["emails"].as_array().is_some_and(|a| {
                a.len() == 2
                    && a.iter().any(|e| e["value"] == "w2@example.com" && e["type"] == "work")
            })
        },
    );
    after(
        &mut k,
        "PATCH enterprise:User:department",
        json!([{"op":"replace","path":format!("{ENT}:department"),"value":"Space"}]),
        &|v| v[ENT]["department"] == "Space" && !v[ENT]["costCenter"].is_null(),
    );
    after(&mut k, "PATCH remove title", json!([{"op":"remove","path":"title"}]), &|v| {
        v["title"].is_null() && v["userName"].is_string()
    });
    let r = k.req("GET", &path, None, &[]);
    if let Some(old) = &etag {
        k.put(
            "the ETag changes with the resource",
            r.header("etag").is_some_and(|e| e != old),
            "same ETag after changes",
        );
        let r = k.req("PATCH", &path, Some(json!({"schemas":[PATCH],"Operations":[{"op":"replace","path":"nickName","value":"x"}]})), &[("If-Match", old)]);
        k.put("If-Match with a stale ETag is 412", r.status == 412, r.brief());
    }
    let r = k.patch(&path, json!([{"op":"replace","path":"nosuch.attr[","value":"x"}]));
    k.put("PATCH with a broken path is 400", r.status == 400, r.brief());
    let mut put = body.clone();
    put["displayName"] = json!("Put Name");
    let r = k.req("PUT", &path, Some(put), &[]);
    k.put(
        "PUT is 200 and replaces",
        r.status == 200 && r.json()["displayName"] == "Put Name",
        r.brief(),
    );
    let r = k.c.send("POST", "/Users", Some("{\"schemas\": ["), &[]);
    k.put(
        "malformed JSON is 400",
        r.as_ref().is_ok_and(|r| r.status == 400),
        r.map_or_else(|e| e.to_string(), |r| r.brief()),
    );
    let r = k.req("POST", "/Users", Some(json!({"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"displayName":"no userName"})), &[]);
    k.put("a user without userName is 400", r.status == 400, r.brief());

    // Groups.
    let gname = format!("Check Group {base}");
    let r = k.req(
        "POST",
        "/Groups",
        Some(serde_json::from_str(&data::group_json(&gname)).unwrap()),
        &[],
    );
    let gid = s(&r.json()["id"]).to_string();
    if k.put("POST /Groups is 201 with an id", r.status == 201 && !gid.is_empty(), r.brief()) {
        let gpath = format!("/Groups/{}", enc(&gid));
        let members = |k: &mut Checks| -> Option<usize> {
            let v = k.req("GET", &gpath, None, &[]).json();
            if v["id"].is_null() {
                return None;
            }
            Some(v["members"].as_array().map_or(0, Vec::len))
        };
        let r = k.patch(
            &gpath,
            json!([{"op":"add","path":"members","value":[{"value":id},{"value":id2}]}]),
        );
        let n = members(&mut k);
        k.put(
            "PATCH add members; GET shows them",
            matches!(r.status, 200 | 204) && n == Some(2),
            format!("{} members; {}", n.unwrap_or(0), r.brief()),
        );
        k.patch(&gpath, json!([{"op":"add","path":"members","value":[{"value":id}]}]));
        let n2 = members(&mut k);
        k.put(
            "adding a member again changes nothing",
            n == n2 && n == Some(2),
            format!("{n2:?} members"),
        );
        let r = k.req("GET", &format!("{gpath}?excludedAttributes=members"), None, &[]);
        k.put(
            "excludedAttributes=members leaves them out",
            r.status == 200 && empty(&r.json()["members"]),
            r.brief(),
        );
        let r = k.req(
            "GET",
            &format!(
                "/Groups?filter={}&excludedAttributes=members",
                enc(&format!("displayName eq \"{gname}\""))
            ),
            None,
            &[],
        );
        let v = r.json();
        k.put(
            "filter displayName eq with excludedAttributes=members",
            r.status == 200
                && v["totalResults"] == 1
                && empty(&v["Resources"][0]["members"])
                && s(&v["Resources"][0]["id"]) == gid,
            r.brief(),
        );
        let v = k.req("GET", &path, None, &[]).json();
        k.put(
            "user.groups shows the membership",
            v["groups"].to_string().contains(&gid),
            v["groups"].to_string(),
        );
        let r =
            k.patch(&gpath, json!([{"op":"remove","path":format!("members[value eq \"{id2}\"]")}]));
        let n = members(&mut k);
        k.put(
            "PATCH remove members[value eq …]",
            matches!(r.status, 200 | 204) && n == Some(1),
            format!("{n:?} members; {}", r.brief()),
        );
        let r = k.patch(&gpath, json!([{"op":"Remove","path":"members","value":[{"value":id}]}]));
        let n = members(&mut k);
        k.put(
            "PATCH Entra form: Remove members with value",
            matches!(r.status, 200 | 204) && n == Some(0),
            format!("{n:?} members; {}", r.brief()),
        );
        let r = k.req("DELETE", &gpath, None, &[]);
        k.put("DELETE group is 204", r.status == 204, r.brief());
    }
    let r = k.req("DELETE", &path, None, &[]);
    k.put("DELETE user is 204", r.status == 204, r.brief());
    let r = k.req("GET", &path, None, &[]);
    k.put("a deleted user is 404", r.status == 404, r.brief());
    k.req("DELETE", &format!("/Users/{}", enc(&id2)), None, &[]);

    // A second tenant, where the server has one.
    if let Some(o) = other {
        let body: Value = serde_json::from_str(&data::user_json(base + 2)).unwrap();
        let id = s(&k.req("POST", "/Users", Some(body.clone()), &[]).json()["id"]).to_string();
        let first = std::mem::replace(&mut k.c, Client::new(o, Duration::from_secs(20)));
        let r = k.req("GET", &format!("/Users/{}", enc(&id)), None, &[]);
        k.put("another tenant does not see the user by id", r.status == 404, r.brief());
        let r = k.req("POST", "/Users", Some(body), &[]);
        k.put("another tenant can have the same userName", r.status == 201, r.brief());
        let oid = s(&r.json()["id"]).to_string();
        let mut wrong = o.clone();
        wrong.token = target.token.clone();
        if wrong.prefix != target.prefix {
            k.c = Client::new(&wrong, Duration::from_secs(20));
            let r = k.req("GET", "/Users?count=1", None, &[]);
            k.put(
                "one tenant's token is refused at another's URL",
                matches!(r.status, 401 | 403 | 404),
                r.brief(),
            );
            k.c = Client::new(o, Duration::from_secs(20));
        }
        k.req("DELETE", &format!("/Users/{}", enc(&oid)), None, &[]);
        k.c = first;
        k.req("DELETE", &format!("/Users/{}", enc(&id)), None, &[]);
    }
    k.out
}

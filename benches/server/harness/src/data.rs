//! The test population: deterministic, Entra-like resources.

const GIVEN: [&str; 16] = [
    "Amelia", "Bruno", "Chidi", "Daphne", "Emre", "Fatima", "Goran", "Hanna", "Ivo", "Júlia",
    "Kwame", "Lina", "Mateo", "Noor", "Olga", "Priya",
];
const FAMILY: [&str; 16] = [
    "Abbott", "Berg", "Castillo", "Dvořák", "Eriksen", "Fischer", "Gupta", "Horváth", "Ito",
    "Jansen", "Kowalski", "Larsen", "Müller", "Nakamura", "Okafor", "Petrov",
];
const DEPT: [&str; 8] = [
    "Engineering",
    "Finance",
    "Human Resources",
    "Legal",
    "Marketing",
    "Operations",
    "Sales",
    "Support",
];

pub fn user_name(i: usize) -> String {
    format!(
        "user{:07}.{}@contoso-bench.example.com",
        i,
        FAMILY[i % 16].to_ascii_lowercase().replace(|c: char| !c.is_ascii(), "x")
    )
}

/// A create body as Entra's provisioning service sends it, about 1.2 KB.
pub fn user_json(i: usize) -> String {
    let (g, f, d) = (GIVEN[(i / 16) % 16], FAMILY[i % 16], DEPT[(i / 7) % 8]);
    let un = user_name(i);
    format!(
        concat!(
            r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"#,
            r#""externalId":"{i:08x}-3f1c-4a55-9d0e-{i:012x}","userName":"{un}","active":true,"displayName":"{g} {f}","nickName":"{g}","#,
            r#""title":"Senior {d} Specialist","userType":"Employee","preferredLanguage":"en-US","locale":"en-US","timezone":"Europe/Zurich","#,
            r#""name":{{"formatted":"{g} {f}","familyName":"{f}","givenName":"{g}"}},"#,
            r#""emails":[{{"value":"{un}","type":"work","primary":true}},{{"value":"private{i}@mail.example.net","type":"home","primary":false}}],"#,
            r#""phoneNumbers":[{{"value":"+41 44 555 {p:04}","type":"work"}},{{"value":"+41 79 555 {p:04}","type":"mobile"}}],"#,
            r#""addresses":[{{"type":"work","formatted":"{n} Harbour Street, 80{z:02} Zurich","streetAddress":"{n} Harbour Street","locality":"Zurich","region":"ZH","postalCode":"80{z:02}","country":"CH","primary":true}}],"#,
            r#""urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{{"employeeNumber":"E{i:07}","department":"{d}","costCenter":"CC-{c:04}","organization":"Contoso Bench AG","division":"{d} EMEA"}},"#,
            r#""meta":{{"resourceType":"User"}}}}"#
        ),
        i = i,
        un = un,
        g = g,
        f = f,
        d = d,
        p = i % 10_000,
        n = i % 900 + 1,
        z = i % 64,
        c = i % 512,
    )
}

pub fn group_json(display: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"ext-{display}","displayName":"{display}","members":[]}}"#
    )
}

pub fn patch_add_members<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let vals: Vec<String> = ids.map(|id| format!(r#"{{"value":"{id}"}}"#)).collect();
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"add","path":"members","value":[{}]}}]}}"#,
        vals.join(",")
    )
}

pub fn patch_active(v: bool) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"replace","path":"active","value":{v}}}]}}"#
    )
}

/// splitmix64: a fixed pseudo-random sequence, so that every server gets the same requests.
pub fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    #[test]
    fn user_is_json_of_about_1200_bytes() {
        for i in [0, 1, 77, 99_999] {
            let s = super::user_json(i);
            let v: serde_json::Value = serde_json::from_str(&s).unwrap();
            assert_eq!(v["userName"], super::user_name(i));
            assert!((1150..1400).contains(&s.len()), "{}", s.len());
        }
    }
}

//! Who is meant: a list of names, or a table with a column of them.

use crate::provision::operator::{NameKind, OperatorError};

/// People of one offboarding, at most.
pub(super) const MOST: usize = 1_000;
/// Bytes of a name, at most.
const LONGEST: usize = 1_024;

/// The names in the column of a CSV text (RFC 4180) that is called as `by` is, such
/// as `email` or `externalId`; its first line names the columns.
///
/// # Errors
///
/// [`OperatorError::Invalid`] if it cannot be read or has no such column.
pub fn names_of_csv(csv: &str, by: NameKind) -> Result<Vec<String>, OperatorError> {
    let wrong = |error: csv::Error| OperatorError::Invalid(format!("the CSV text: {error}"));
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(csv.as_bytes());
    let columns = reader.headers().map_err(wrong)?.clone();
    let wanted = plain(by.as_str());
    let column = columns.iter().position(|name| plain(name) == wanted).ok_or_else(|| {
        let rule = format!("the CSV text has no column `{}` in its first line", by.as_str());
        OperatorError::Invalid(rule)
    })?;
    let mut names = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        match record.get(column) {
            Some(name) if !name.is_empty() => names.push(name.to_owned()),
            Some(_) | None => (),
        }
        if MOST < names.len() {
            break;
        }
    }
    Ok(names)
}

/// Checks a list of names; each is there once afterwards.
pub(super) fn checked(names: &[String]) -> Result<Vec<String>, OperatorError> {
    let mut checked: Vec<String> = Vec::with_capacity(names.len());
    let mut seen = std::collections::HashSet::new();
    for name in names {
        let name = name.trim();
        if name.is_empty() || LONGEST < name.len() || name.chars().any(char::is_control) {
            let place = checked.len() + 1;
            return Err(OperatorError::Invalid(format!(
                "`people`: number {place} is no name of 1 to {LONGEST} bytes"
            )));
        }
        if seen.insert(name) {
            checked.push(name.to_owned());
        }
    }
    match checked.len() {
        0 => Err(OperatorError::Invalid("`people` names nobody".to_owned())),
        1..=MOST => Ok(checked),
        _ => Err(OperatorError::Invalid(format!("`people` are at most {MOST}"))),
    }
}

/// A column's name without what people write it with differently.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_found_by_its_name() {
        for (text, by, names) in [
            ("email\na@x.test\nb@x.test\n", NameKind::Email, vec!["a@x.test", "b@x.test"]),
            ("Name;No,E-Mail\r\n\"Ann, B.\", a@x.test\r\n", NameKind::Email, vec!["a@x.test"]),
            ("externalId,email\n7,a@x.test\n,b@x.test\n", NameKind::ExternalId, vec!["7"]),
            ("user_name\nann\n", NameKind::UserName, vec!["ann"]),
        ] {
            assert_eq!(names_of_csv(text, by).unwrap(), names, "{text}");
        }
        let missing = names_of_csv("a,b\n1,2\n", NameKind::Email).unwrap_err().to_string();
        assert!(missing.contains("`email`"), "{missing}");
        let ragged = names_of_csv("email\n1,2\n", NameKind::Email).unwrap_err().to_string();
        assert!(ragged.contains("CSV"), "{ragged}");
    }

    #[test]
    fn a_list_names_each_once() {
        let list = |names: &[&str]| {
            checked(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(list(&["a", " b ", "a"]).unwrap(), ["a", "b"]);
        for names in [&[][..], &["a", ""], &["a\nb"], &[&"x".repeat(1_025)]] {
            assert!(list(names).is_err(), "{names:?}");
        }
        let many: Vec<String> = (0..1_001).map(|nth| nth.to_string()).collect();
        assert!(checked(&many).is_err());
    }
}

//! What was done with a request beyond what it says: nothing is dropped in silence.
//!
//! A [`Notice`] names a kind and a place, never a value. What the RFCs themselves
//! tell a server to ignore (`id` and `meta` in a body, read-only attributes on
//! POST and PUT: RFC 7643 §3.1, RFC 7644 §3.3, §3.5.1) needs none, and neither
//! does a spelling that was understood.

use std::{collections::BTreeSet, fmt};

/// Longest place, in characters.
const PLACE: usize = 128;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// An attribute, path or member of a message that is not known was ignored.
    Unknown,
    /// A value of a read-only attribute in a PATCH was ignored.
    ReadOnly,
    /// A secret was taken and is not shown: this server authenticates nobody.
    NotKept,
    /// A URN in `schemas` that the resource does not have was dropped.
    Schema,
    /// One more `primary` was reset.
    Primary,
    /// Members that do not exist were skipped.
    Member,
    /// A directory is calling that is not the one of the connection's dialect.
    Dialect,
}

impl NoticeKind {
    /// Name for people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::ReadOnly => "readOnly",
            Self::NotKept => "notKept",
            Self::Schema => "schema",
            Self::Primary => "primary",
            Self::Member => "member",
            Self::Dialect => "dialect",
        }
    }
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Notice {
    /// What.
    pub kind: NoticeKind,
    /// Where: a path, or the name of what nobody knows. Short, without control
    /// characters.
    pub detail: String,
}

impl Notice {
    /// A notice of `kind` about `place`.
    pub fn new(kind: NoticeKind, place: &str) -> Self {
        let detail = place.chars().filter(|char| !char.is_control()).take(PLACE).collect();
        Self { kind, detail }
    }
}

/// As it is read: `unknown: shoe`.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.detail)
    }
}

/// The notices as one line for a header, at most `most` bytes of printable ASCII:
/// `readOnly: id; unknown: name.size, shoe`. None if there are none.
pub fn header(notices: &[Notice], most: usize) -> Option<String> {
    let mut line = String::new();
    let mut kind = None;
    for notice in notices.iter().collect::<BTreeSet<_>>() {
        match kind.replace(notice.kind) {
            Some(last) if last == notice.kind => line.push_str(", "),
            Some(_) => line.push_str(&format!("; {}: ", notice.kind.as_str())),
            None => line.push_str(&format!("{}: ", notice.kind.as_str())),
        }
        let plain = notice.detail.chars().map(|char| match char {
            ' ' | '!'..='~' => char,
            _ => '?',
        });
        line.extend(plain);
        if most < line.len() {
            line.truncate(most);
            break;
        }
    }
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_one_short_line_of_printable_ascii() {
        // A75, A103
        let notices = [
            Notice::new(NoticeKind::Unknown, "shoe"),
            Notice::new(NoticeKind::ReadOnly, "id"),
            Notice::new(NoticeKind::Unknown, "a\r\nSet-Cookie: x\u{1b}[31m é"),
            Notice::new(NoticeKind::Unknown, "shoe"),
        ];

        let line = header(&notices, 100).unwrap();

        assert_eq!(line, "unknown: aSet-Cookie: x[31m ?, shoe; readOnly: id");
        assert_eq!(header(&notices, 12).unwrap(), "unknown: aSe");
        assert_eq!(header(&[], 100), None);
    }
}

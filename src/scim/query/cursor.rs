//! Cursors (RFC 9865): where a walk goes on, told to the client as text that it
//! cannot read or make.
//!
//! The server keeps nothing of a walk. A cursor holds a [`Place`], sealed for the
//! query it belongs to: another tenant, endpoint, filter, order or projection
//! does not open it. It grants nothing; each page is authorised anew.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::Position;
use crate::scim::ScimError;

/// How long a cursor is good for, in seconds.
pub const CURSOR_SECONDS: i64 = 3_600;

/// Bytes of a key that seals cursors.
pub const CURSOR_KEY_BYTES: usize = 32;

/// Longest cursor that is looked at; the longest sort key makes a shorter one.
const MAX_BYTES: usize = 16 * 1024;
/// Bytes in front that say when the cursor was made.
const TIME_BYTES: usize = 8;

/// Where a page begins, and which way it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// What comes after a position; the first page if there is none.
    #[serde(rename = "a")]
    After(Option<Position>),
    /// What comes before a position; the last page if there is none.
    #[serde(rename = "b")]
    Before(Option<Position>),
}

/// What a cursor holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The page.
    #[serde(rename = "p")]
    pub place: Place,
    /// Resources of each page of the walk.
    #[serde(rename = "c")]
    pub count: u64,
}

/// The key that cursors are sealed with: AES-256-GCM-SIV (RFC 8452).
///
/// The nonce is the time of making. Two cursors of one microsecond share it,
/// which that cipher withstands: equal cursors look equal, and no more.
pub struct CursorKey(LessSafeKey);

impl CursorKey {
    /// The key of 32 bytes; none if the library refuses.
    pub fn new(bytes: &[u8; CURSOR_KEY_BYTES]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, bytes).ok()?;
        Some(Self(LessSafeKey::new(key)))
    }

    /// Seals a cursor for `query`, in letters that need no encoding in a URI.
    ///
    /// Gives none only if the library refuses.
    pub fn seal(&self, query: &str, now_us: i64, cursor: &Cursor) -> Option<String> {
        let mut sealed = serde_json::to_vec(cursor).ok()?;
        let time = now_us.to_be_bytes();
        self.0.seal_in_place_append_tag(nonce(time), Aad::from(query), &mut sealed).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&time[..], &sealed].concat()))
    }

    /// Opens what [`CursorKey::seal`] made for `query`.
    ///
    /// # Errors
    ///
    /// [`ScimError::InvalidCursor`] if it was not made with this key for this
    /// query; [`ScimError::ExpiredCursor`] if it was, and too long ago.
    pub fn open(&self, query: &str, now_us: i64, text: &str) -> Result<Cursor, ScimError> {
        let (made_us, cursor) = self.unseal(query, text).ok_or(ScimError::InvalidCursor)?;
        // One from the future was made before the clock, or the data, was set back.
        match now_us.abs_diff(made_us) <= CURSOR_SECONDS.unsigned_abs() * 1_000_000 {
            true => Ok(cursor),
            false => Err(ScimError::ExpiredCursor),
        }
    }

    fn unseal(&self, query: &str, text: &str) -> Option<(i64, Cursor)> {
        if MAX_BYTES < text.len() {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (time, sealed) = bytes.split_first_chunk::<TIME_BYTES>()?;
        let mut sealed = sealed.to_vec();
        let opened = self.0.open_in_place(nonce(*time), Aad::from(query), &mut sealed).ok()?;
        Some((i64::from_be_bytes(*time), serde_json::from_slice(opened).ok()?))
    }
}

/// Shows nothing of the key.
impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CursorKey").finish_non_exhaustive()
    }
}

fn nonce(time: [u8; TIME_BYTES]) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    for (byte, of_time) in bytes.iter_mut().zip(time) {
        *byte = of_time;
    }
    Nonce::assume_unique_for_key(bytes)
}

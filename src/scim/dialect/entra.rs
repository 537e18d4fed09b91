//! Microsoft Entra ID.
//!
//! Entra changes users and groups by PATCH. Without its compliance flag it
//! writes `"op": "Add"`, booleans as `"True"`, `manager` as a bare string, and
//! removes members by a list in `value`; with the flag it puts paths such as
//! `name.givenName` into the keys of a value. In both forms it sets
//! `emails[type eq "work"].value` on users who have no such address and expects
//! it to be made, because its mapping has no other way to create an element; it
//! looks users up by the same path with a comparison behind it. It declares the
//! enterprise schema without using it, and groups carry a URN of Microsoft's
//! own. Filters in older samples have no quotes. It matches groups by name, so a
//! name must be unique. Its tokens are bearer tokens, always.

use super::{Leniency, generic};

/// What of it is forgiven.
pub(super) const LENIENCY: Leniency = Leniency { bare_token: false, ..generic::LENIENCY };

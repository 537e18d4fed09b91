//! Adding and removing subjects (SSF 1.0 §8.1.3).
//!
//! A stream has every subject until its receiver removes one. What is answered does
//! not tell whether anybody goes by that name (SSF 1.0 §9.1).

use serde_json::{Map, Value};

use super::{
    Managed, SsfError, Transmitter,
    configuration::{invalid, named, object},
};
use crate::{event::NamedSubject, tenant::StreamId};

/// How long events about a removed subject are still sent, in microseconds: a day.
/// Whoever takes over an account could remove its owner first, so that nobody
/// notices (SSF 1.0 §9.3).
const GRACE_US: i64 = 24 * 3_600 * 1_000_000;
/// Simple subjects that a stream can be without.
const MOST_SIMPLE: i64 = 10_000;
/// Complex ones, each of which is compared with every event.
const MOST_COMPLEX: i64 = 100;

impl Transmitter {
    /// Lets a receiver hear of a subject again that it removed.
    ///
    /// # Errors
    ///
    /// [`SsfError::Invalid`] if the subject is malformed; [`SsfError::UnknownStream`]
    /// if the receiver has no such stream.
    pub async fn add_subject(&self, by: Managed, body: &[u8]) -> Result<(), SsfError> {
        let body = object(body)?;
        if body.get("verified").is_some_and(|it| !it.is_boolean() && !it.is_null()) {
            return Err(invalid("`verified` is a boolean"));
        }
        let (stream, subject) = self.subject(&by, &body).await?;
        let store = self.store.tenant(by.tenant);
        let mut added = vec![subject.clone()];
        if subject.is_complex() {
            // What was removed may be narrower than what is added.
            let removed = store.removed_subjects(stream, &[subject.text()], i64::MAX).await?;
            added.extend(removed.into_iter().filter(|it| subject.matches(it)));
        }
        Ok(store.add_subjects(stream, &added).await?)
    }

    /// Lets a receiver hear no more of a subject, after a while.
    ///
    /// # Errors
    ///
    /// [`SsfError::Invalid`] if the subject is malformed; [`SsfError::UnknownStream`]
    /// if the receiver has no such stream; [`SsfError::TooMany`] if it removed too
    /// many.
    pub async fn remove_subject(&self, by: Managed, body: &[u8]) -> Result<(), SsfError> {
        let body = object(body)?;
        let (stream, subject) = self.subject(&by, &body).await?;
        let most = if subject.is_complex() { MOST_COMPLEX } else { MOST_SIMPLE };
        let effective_us = self.clock.now_us().saturating_add(GRACE_US);
        let store = self.store.tenant(by.tenant);
        match store.remove_subject(stream, &subject, effective_us, most).await? {
            true => Ok(()),
            false => Err(SsfError::TooMany(format!(
                "at most {most} subjects of this kind can be removed from a stream"
            ))),
        }
    }

    async fn subject(
        &self,
        by: &Managed,
        body: &Map<String, Value>,
    ) -> Result<(StreamId, NamedSubject), SsfError> {
        let id = named(body)?;
        let subject = body.get("subject").ok_or_else(|| invalid("`subject` must be there"))?;
        let subject = NamedSubject::read(subject)
            .map_err(|what| SsfError::Invalid(format!("`subject`: {what}")))?;
        Ok((self.stream(by, id).await?.stream.id, subject))
    }
}

//! Creating, reading, updating, replacing and deleting streams (SSF 1.0 §8.1.1).

use serde_json::Value;

use super::{
    Managed, SsfError, Transmitter,
    configuration::{self, Delivery, Header, Wanted, delivered, requested_by_default},
};
use crate::{
    store::{
        DeliveryMethod, NewReceiverStream, ReceiverStream, SealedHeader, StoreError,
        StreamConfiguration,
    },
    tenant::{StreamId, TenantId},
};

/// Streams that a receiver may have.
const MOST_STREAMS: i64 = 50;
/// Times that a change which crossed another one is made again.
const ATTEMPTS: usize = 5;

/// What becomes of what a receiver does not mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmentioned {
    /// It stays (PATCH).
    Stays,
    /// It goes (PUT).
    Goes,
}

impl Transmitter {
    /// Makes a stream as `body` says.
    ///
    /// # Errors
    ///
    /// [`SsfError::Invalid`] if the body is no configuration;
    /// [`SsfError::TooMany`] if the receiver has too many streams.
    pub async fn create_stream(&self, by: Managed, body: &[u8]) -> Result<Value, SsfError> {
        let wanted = Wanted::read(&configuration::object(body)?)?;
        let id = StreamId(self.clock.new_id());
        let requested = wanted.requested.unwrap_or_else(requested_by_default);
        let delivery = wanted.delivery.unwrap_or(Delivery::Poll { endpoint_url: None });
        let (endpoint_url, authorization) = self.sealed(by.tenant, id, delivery, None)?;
        let configuration = StreamConfiguration {
            description: wanted.description,
            events: delivered(&requested),
            requested,
            endpoint_url,
            authorization,
        };
        let issuer = self.issuer(&by.tenant_name);
        let new = NewReceiverStream {
            id,
            receiver: by.receiver,
            audience: format!("{issuer}/ssf/receivers/{}", by.receiver),
            configuration,
            created_us: self.clock.now_us(),
        };
        match self.store.tenant(by.tenant).insert_receiver_stream(&new, MOST_STREAMS).await? {
            true => Ok(self.shown(&self.stream(&by, Some(id)).await?)),
            false => Err(SsfError::TooMany(format!(
                "a receiver has at most {MOST_STREAMS} streams; delete one first"
            ))),
        }
    }

    /// The configuration of a stream.
    ///
    /// # Errors
    ///
    /// [`SsfError::UnknownStream`] if the receiver has none of that id.
    pub async fn read_stream(&self, by: Managed, id: Option<StreamId>) -> Result<Value, SsfError> {
        Ok(self.shown(&self.stream(&by, id).await?))
    }

    /// The configurations of all streams of a receiver, as an array.
    ///
    /// # Errors
    ///
    /// [`SsfError::Store`] if the database fails.
    pub async fn read_streams(&self, by: Managed) -> Result<Value, SsfError> {
        let rows = self.store.tenant(by.tenant).receiver_streams(by.receiver).await?;
        Ok(rows.iter().map(|row| self.shown(row)).collect())
    }

    /// Changes a stream as `body` says, and gives its configuration.
    ///
    /// # Errors
    ///
    /// [`SsfError::Invalid`] if the body is no configuration or would change what is
    /// the transmitter's; [`SsfError::UnknownStream`] if the receiver has no such
    /// stream.
    pub async fn configure_stream(
        &self,
        by: Managed,
        body: &[u8],
        unmentioned: Unmentioned,
    ) -> Result<Value, SsfError> {
        // What cannot be read is refused whatever stream it is for.
        let body = configuration::object(body)?;
        let id = configuration::named(&body)?;
        for _ in 0..ATTEMPTS {
            let wanted = Wanted::read(&body)?;
            let row = self.stream(&by, id).await?;
            self.check_ours(&body, &wanted, &row)?;
            let next = self.next(&row, wanted, unmentioned)?;
            let moved = next.endpoint_url.as_deref() != pushed_to(&row);
            let store = self.store.tenant(by.tenant);
            let now_us = self.clock.now_us();
            if store.configure_stream(&row.stream, &next, moved, now_us).await? {
                return Ok(self.shown(&self.stream(&by, id).await?));
            }
        }
        Err(StoreError::crossed().into())
    }

    /// Deletes a stream with what it holds.
    ///
    /// # Errors
    ///
    /// [`SsfError::UnknownStream`] if the receiver has none of that id.
    pub async fn delete_stream(&self, by: Managed, id: Option<StreamId>) -> Result<(), SsfError> {
        let id = id.ok_or(SsfError::UnknownStream)?;
        match self.store.tenant(by.tenant).delete_receiver_stream(by.receiver, id).await? {
            true => Ok(()),
            false => Err(SsfError::UnknownStream),
        }
    }

    /// A stream of the receiver, which has given a sign by asking for it.
    pub(super) async fn stream(
        &self,
        by: &Managed,
        id: Option<StreamId>,
    ) -> Result<ReceiverStream, SsfError> {
        let id = id.ok_or(SsfError::UnknownStream)?;
        let found = self.store.tenant(by.tenant).receiver_stream(by.receiver, id).await?;
        let found = found.ok_or(SsfError::UnknownStream)?;
        self.note_activity(by.tenant, by.receiver, id).await?;
        Ok(found)
    }

    fn next(
        &self,
        row: &ReceiverStream,
        wanted: Wanted,
        unmentioned: Unmentioned,
    ) -> Result<StreamConfiguration, SsfError> {
        let stays = unmentioned == Unmentioned::Stays;
        let description = match wanted.description {
            None if stays => row.description.clone(),
            said => said,
        };
        let requested = match wanted.requested {
            None if stays => row.requested.clone(),
            said => said.unwrap_or_else(requested_by_default),
        };
        let (endpoint_url, authorization) = match wanted.delivery {
            None if stays => (pushed_to(row).map(str::to_owned), SealedHeader::Keep),
            said => {
                let delivery = said.unwrap_or(Delivery::Poll { endpoint_url: None });
                self.sealed(row.stream.tenant, row.stream.id, delivery, pushed_to(row))?
            }
        };
        let events = delivered(&requested);
        Ok(StreamConfiguration { description, requested, events, endpoint_url, authorization })
    }

    /// Where a delivery goes, and with what. A header that is not mentioned stays as
    /// long as the address does: a receiver that writes back what it read could not
    /// mention it. It is never sent to another address.
    fn sealed(
        &self,
        tenant: TenantId,
        stream: StreamId,
        delivery: Delivery,
        before: Option<&str>,
    ) -> Result<(Option<String>, SealedHeader), SsfError> {
        let Delivery::Push { endpoint_url, authorization } = delivery else {
            return Ok((None, SealedHeader::Set(None)));
        };
        self.receiver_rules.check(&endpoint_url).map_err(|rule| {
            SsfError::Invalid(format!("`delivery.endpoint_url` is refused: {rule}"))
        })?;
        let header = match authorization {
            Header::Unsaid if before == Some(endpoint_url.as_str()) => SealedHeader::Keep,
            Header::Unsaid | Header::None => SealedHeader::Set(None),
            Header::Value(value) => {
                SealedHeader::Set(Some(self.secret.seal_authorization(tenant, stream, &value)?))
            }
        };
        Ok((Some(endpoint_url), header))
    }
}

fn pushed_to(row: &ReceiverStream) -> Option<&str> {
    match &row.stream.method {
        DeliveryMethod::Push { endpoint_url } | DeliveryMethod::Sink { endpoint_url, .. } => {
            Some(endpoint_url)
        }
        DeliveryMethod::Poll => None,
    }
}

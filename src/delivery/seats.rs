//! One waiting poll a stream: a new one sends the old one home.
//!
//! A receiver that lost its connection and polls again must not leave a poll
//! behind that takes its events.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::sync::CancellationToken;

use crate::tenant::StreamId;

/// Who polls which stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats(Arc<Mutex<HashMap<StreamId, CancellationToken>>>);

/// The right to wait for a stream's events.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    stream: StreamId,
    taken: CancellationToken,
}

impl Seats {
    /// Takes the stream's seat from whoever has it.
    pub(super) fn take(&self, stream: StreamId) -> Seat {
        let taken = CancellationToken::new();
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(former) = seats.insert(stream, taken.clone()) {
            former.cancel();
        }
        Seat { seats: self.clone(), stream, taken }
    }
}

impl Seat {
    /// Waits until somebody else takes the seat.
    pub(super) async fn taken(&self) {
        self.taken.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.taken.is_cancelled() {
            let mut seats = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Asked again under the lock: it may have been taken meanwhile.
            if !self.taken.is_cancelled() {
                seats.remove(&self.stream);
            }
        }
    }
}

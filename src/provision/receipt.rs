//! What became of a revocation at each receiver, as values and pure functions.

use serde::Serialize;

use crate::store::TargetRow;

/// How far a revocation has come, the best first: a whole is as far as its
/// worst part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptState {
    /// There is nobody to be told.
    Untold,
    /// The receiver has it, or has done it.
    Confirmed,
    /// The receiver has taken the order and will carry it out.
    Accepted,
    /// It was given out and not acknowledged yet.
    Sent,
    /// It waits for its first attempt, or to be fetched.
    Pending,
    /// An attempt failed; there will be others.
    Failed,
    /// It was given up.
    Dead,
}

impl ReceiptState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Untold,
        Self::Confirmed,
        Self::Accepted,
        Self::Sent,
        Self::Pending,
        Self::Failed,
        Self::Dead,
    ];

    /// The state's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Untold => "untold",
            Self::Confirmed => "confirmed",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }

    /// Whether somebody has yet to confirm it.
    pub fn is_open(self) -> bool {
        Self::Accepted <= self
    }

    /// How far the events of a row have come.
    pub(super) fn of(row: &TargetRow) -> Self {
        let waiting = row.total - row.confirmed - row.dead - row.failed - row.sent;
        match () {
            () if 0 < row.dead => Self::Dead,
            () if 0 < row.failed => Self::Failed,
            () if 0 < waiting => Self::Pending,
            () if 0 < row.sent => Self::Sent,
            () if 0 < row.accepted => Self::Accepted,
            () => Self::Confirmed,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{event::EventUri, tenant::StreamId};

    /// Of `total` events, so many are confirmed, accepted, dead, failed, sent.
    #[track_caller]
    fn check(total: i64, counts: [i64; 5], expected: ReceiptState) {
        let [confirmed, accepted, dead, failed, sent] = counts;
        let row = TargetRow {
            txn: String::new(),
            uri: EventUri::SessionRevoked,
            stream: StreamId(Uuid::nil()),
            sink: None,
            is_pushed: true,
            description: String::new(),
            status: "enabled",
            settings: json!({}),
            total,
            confirmed,
            accepted,
            dead,
            failed,
            sent,
            attempts: 0,
            finished_us: None,
            error: None,
            detail: None,
            alarmed_us: None,
        };
        assert_eq!(ReceiptState::of(&row), expected, "{counts:?} of {total}");
    }

    #[test]
    fn the_worst_event_says_how_far_they_are() {
        check(1, [0, 0, 0, 0, 0], ReceiptState::Pending);
        check(1, [0, 0, 0, 0, 1], ReceiptState::Sent);
        check(1, [0, 0, 0, 1, 0], ReceiptState::Failed);
        check(1, [0, 0, 1, 0, 0], ReceiptState::Dead);
        check(1, [1, 1, 0, 0, 0], ReceiptState::Accepted);
        check(1, [1, 0, 0, 0, 0], ReceiptState::Confirmed);
        check(3, [2, 0, 0, 0, 0], ReceiptState::Pending);
        check(3, [2, 1, 0, 0, 1], ReceiptState::Sent);
        check(3, [1, 0, 1, 1, 0], ReceiptState::Dead);
        check(3, [3, 1, 0, 0, 0], ReceiptState::Accepted);
    }

    #[test]
    fn only_what_is_confirmed_is_not_open() {
        let open: Vec<_> = ReceiptState::ALL.into_iter().filter(|it| !it.is_open()).collect();
        assert_eq!(open, [ReceiptState::Untold, ReceiptState::Confirmed]);
    }
}

//! Revocations in the order in which a reader comes to know them.
//!
//! Of two events the one written first may be committed last, so no number of an
//! event says what a reader has seen. On PostgreSQL a place is the snapshot of
//! the read before: what was not visible in it is new, however long its
//! transaction took. SQLite has one writer, whose events are in order.

use sea_orm::{DbBackend, QueryResult};
use uuid::Uuid;

use super::{StoreError, TenantStore, View, statement::Sql};
use crate::event::Subject;

/// Longest text of a place: a snapshot names every transaction that was open.
const LONGEST_PLACE: usize = 16 * 1024;

/// What a reader has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FencePlace(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Everything up to an event.
    Event(i64),
    /// Everything that was visible in a snapshot, if there is one; and of what was
    /// visible in another one, everything up to an event, if that read is not done.
    Snapshot { seen: Option<String>, page: Option<Page> },
}

/// How far the reading of what is new in a snapshot has come.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Page {
    until: String,
    xid: u64,
    seq: i64,
}

/// A revocation.
#[derive(Debug, Clone)]
pub struct FenceRow {
    /// Whose sessions ended.
    pub subject: Subject,
    /// At which application alone, if at one alone.
    pub application: Option<Uuid>,
    /// When it happened, in microseconds since 1970.
    pub occurred_us: i64,
}

/// Revocations that a reader has not seen.
#[derive(Debug, Clone)]
pub struct FenceRows {
    /// The revocations.
    pub rows: Vec<FenceRow>,
    /// What the reader has seen with them.
    pub place: FencePlace,
    /// Whether there are more already.
    pub more: bool,
    /// `iss` of the tenant's people, if it is not our own.
    pub subject_issuer: Option<String>,
}

/// Which revocations are wanted.
#[derive(Debug, Clone, Copy)]
pub struct FenceFilter {
    /// Those of one application, besides those that are for all.
    pub application: Option<Uuid>,
    /// Those that did not happen before, in microseconds since 1970.
    pub since_us: i64,
    /// How many at most.
    pub limit: u32,
}

impl FencePlace {
    /// The place of that text; none if it is no place.
    pub fn parse(text: &str) -> Option<Self> {
        if LONGEST_PLACE < text.len() {
            return None;
        }
        if let Some(seq) = text.strip_prefix('e') {
            return Some(Self(Place::Event(seq.parse().ok().filter(|seq| 0 <= *seq)?)));
        }
        let mut parts = text.strip_prefix('s')?.split('/');
        let seen = match parts.next()? {
            "" => None,
            seen => Some(snapshot(seen)?),
        };
        let page = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (None, None, None, None) => None,
            (Some(until), Some(xid), Some(seq), None) => Some(Page {
                until: snapshot(until)?,
                xid: xid.parse().ok()?,
                seq: seq.parse().ok()?,
            }),
            _ => return None,
        };
        Some(Self(Place::Snapshot { seen, page }))
    }

    /// The place as text.
    pub fn to_text(&self) -> String {
        match &self.0 {
            Place::Event(seq) => format!("e{seq}"),
            Place::Snapshot { seen, page } => {
                let seen = seen.as_deref().unwrap_or_default();
                let page = page.as_ref();
                let page = page.map(|it| format!("/{}/{}/{}", it.until, it.xid, it.seq));
                format!("s{seen}{}", page.unwrap_or_default())
            }
        }
    }
}

/// The text of a snapshot, if PostgreSQL would read it.
fn snapshot(text: &str) -> Option<String> {
    let mut parts = text.split(':');
    let (min, max) = (parts.next()?.parse::<u64>().ok()?, parts.next()?.parse::<u64>().ok()?);
    let open = parts.next()?;
    let open: Vec<u64> = match open {
        "" => Vec::new(),
        open => open.split(',').map(|xid| xid.parse().ok()).collect::<Option<_>>()?,
    };
    let inside = open.iter().all(|xid| (min..max).contains(xid));
    let sorted = open.is_sorted_by(|left, right| left < right);
    let whole = parts.next().is_none() && 0 < min && min <= max && max <= u64::MAX / 2;
    (whole && inside && sorted).then(|| text.to_owned())
}

impl TenantStore {
    /// What a reader at `place` has not seen, and where it stands then; nothing if
    /// the place is of another kind of database. Without a place it has seen
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn fences(
        &self,
        place: Option<&FencePlace>,
        filter: FenceFilter,
    ) -> Result<Option<FenceRows>, StoreError> {
        let view = self.view().await?;
        let fences = match (view.backend, place.map(|place| &place.0)) {
            (DbBackend::Postgres, None) => view.fences_since(None, None, filter).await?,
            (DbBackend::Postgres, Some(Place::Snapshot { seen, page })) => {
                view.fences_since(seen.as_deref(), page.as_ref(), filter).await?
            }
            (DbBackend::Postgres, Some(Place::Event(_))) | (_, Some(Place::Snapshot { .. })) => {
                return Ok(None);
            }
            (_, None) => view.fences_after(0, filter).await?,
            (_, Some(Place::Event(seq))) => view.fences_after(*seq, filter).await?,
        };
        Ok(Some(fences))
    }
}

impl View {
    async fn fences_after(&self, seq: i64, filter: FenceFilter) -> Result<FenceRows, StoreError> {
        let sql = Sql::new("select '', o.* from (select 1) one left join (")
            .append(self.revoked(filter))
            .push(" and o.seq > ?")
            .bind(seq)
            .append(rows(filter));
        self.read_fences(sql, filter, |_, last| {
            let seq = last.map_or(seq, |(_, last)| last);
            (FencePlace(Place::Event(seq)), FencePlace(Place::Event(seq)))
        })
        .await
    }

    async fn fences_since(
        &self,
        seen: Option<&str>,
        page: Option<&Page>,
        filter: FenceFilter,
    ) -> Result<FenceRows, StoreError> {
        let snapshot = "cast(cast(? as text) as pg_snapshot)";
        let mut sql = Sql::new(
            "select cast(pg_current_snapshot() as text), o.* from (select 1) one left join (",
        )
        .append(self.revoked(filter));
        if let Some(seen) = seen {
            sql = sql
                .push(&format!(
                    " and o.xid >= pg_snapshot_xmin({snapshot})
                      and not pg_visible_in_snapshot(o.xid, {snapshot})"
                ))
                .bind(seen)
                .bind(seen);
        }
        if let Some(page) = page {
            sql = sql
                .push(&format!(" and pg_visible_in_snapshot(o.xid, {snapshot})"))
                .bind(page.until.as_str())
                .push(" and (o.xid, o.seq) > (cast(cast(? as text) as xid8), ?)")
                .bind(page.xid.to_string())
                .bind(page.seq);
        }
        self.read_fences(sql.append(rows(filter)), filter, |now, last| {
            let until = page.map_or(now, |page| page.until.as_str()).to_owned();
            let page = last.map(|(xid, seq)| Page { until: until.clone(), xid, seq });
            (
                FencePlace(Place::Snapshot { seen: Some(until), page: None }),
                FencePlace(Place::Snapshot { seen: seen.map(str::to_owned), page }),
            )
        })
        .await
    }

    /// Revocations that are for everybody, or for one application.
    fn revoked(&self, filter: FenceFilter) -> Sql {
        Sql::new(
            "select o.seq, cast(o.xid as text) as xid_text, o.subject, o.application_id,
                o.occurred_us, t.subject_issuer, o.xid
             from outbox o join tenant t on t.id = o.tenant_id
             where o.event_bit = 1 and o.stream_id is null and o.tenant_id = ?",
        )
        .bind(self.owner())
        .push(" and o.occurred_us >= ? and (o.application_id is null or o.application_id = ?)")
        .bind(filter.since_us)
        .bind(filter.application)
    }

    /// `place` gives where the reader stands after the last page, and after another
    /// one, of the snapshot of the read and the last row.
    async fn read_fences(
        &self,
        sql: Sql,
        filter: FenceFilter,
        place: impl FnOnce(&str, Option<(u64, i64)>) -> (FencePlace, FencePlace),
    ) -> Result<FenceRows, StoreError> {
        let found = self.all(sql).await?;
        let damaged = |what: &str| StoreError::Damaged(what.to_owned());
        let first = found.first().ok_or_else(|| damaged("a read without a row"))?;
        let now: String = first.try_get_by_index(0)?;
        let issuer: Option<String> = first.try_get_by_index(6)?;
        let (mut rows, mut last) = (Vec::new(), None);
        for row in &found {
            // The one row of nothing.
            let Some(seq) = row.try_get_by_index::<Option<i64>>(1)? else { break };
            let xid: String = row.try_get_by_index(2)?;
            last = Some((xid.parse().map_err(|_| damaged("xid of an event"))?, seq));
            rows.push(read(row)?);
        }
        let more = usize::try_from(filter.limit).is_ok_and(|limit| limit <= rows.len());
        let (after_last, after_page) = place(&now, last);
        let place = if more { after_page } else { after_last };
        Ok(FenceRows { rows, place, more, subject_issuer: issuer })
    }
}

/// The end of the statement that [`View::revoked`] begins.
fn rows(filter: FenceFilter) -> Sql {
    Sql::new(" order by o.xid, o.seq limit ?")
        .bind(i64::from(filter.limit))
        .push(") o on true order by o.xid, o.seq")
}

fn read(row: &QueryResult) -> Result<FenceRow, StoreError> {
    let subject: String = row.try_get_by_index(3)?;
    Ok(FenceRow {
        subject: serde_json::from_str(&subject)
            .map_err(|_| StoreError::Damaged("subject of an event".to_owned()))?,
        application: row.try_get_by_index(4)?,
        occurred_us: row.try_get_by_index(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is() {
        let places =
            ["e0", "e17", "s10:10:", "s10:20:10,14,19", "s/10:20:/12/7", "s9:9:/10:20:10/12/7"];
        for text in places {
            assert_eq!(FencePlace::parse(text).map(|it| it.to_text()).as_deref(), Some(text));
        }
        let long = format!("s1:99999:{}", vec!["7"; 10_000].join(","));
        for text in [
            "",
            "e",
            "e-1",
            "e1x",
            "x1",
            "s0:1:",
            "s2:1:",
            "s1:2",
            "s1:2:2",
            "s1:9:3,3",
            "s1:9:4,3",
            "s1:9:3:",
            "s1:9:/1:9:",
            "s1:9:/1:9:/1",
            "s1:9:/1:9:/1/2/3",
            "s1:9:/x/1/2",
            "s1:9:;1",
            "s1:18446744073709551615:",
            &long,
        ] {
            assert_eq!(FencePlace::parse(text), None, "{text}");
        }
    }
}

//! Pages that the database chooses and sorts.

use super::{Found, ProvisionError, read_error};
use crate::{
    scim::query::{Cursor, IndexPage, Page, Place, Position},
    store::{Listed, Selection, Start, View},
};

/// The page, by either method.
pub(super) async fn find(
    view: &View,
    selections: &[Selection],
    descending: bool,
    page: &Page,
) -> Result<Found, ProvisionError> {
    let list = List { view, selections, descending };
    match page {
        Page::Index(page) => list.by_index(*page).await,
        Page::Cursor(cursor) => list.by_cursor(cursor).await,
    }
}

#[derive(Clone, Copy)]
struct List<'a> {
    view: &'a View,
    selections: &'a [Selection],
    descending: bool,
}

impl List<'_> {
    async fn by_index(self, page: IndexPage) -> Result<Found, ProvisionError> {
        let offset = page.start_index.saturating_sub(1);
        if page.count == 0 {
            return Ok(Found { total: self.total().await?, ..Found::default() });
        }
        let rows = self.window(true, Start::Offset(offset), page.count).await?;
        let found = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        // A page that is not full is the last one, and tells the number itself.
        let total = match found {
            0 if 0 < offset => self.total().await?,
            _ if found < page.count => offset + found,
            _ => self.total().await?,
        };
        Ok(Found { total, rows, ..Found::default() })
    }

    /// One row more than the page tells that there is another page ahead; one look
    /// back tells the same of the way the walk came.
    async fn by_cursor(self, cursor: &Cursor) -> Result<Found, ProvisionError> {
        if cursor.count == 0 {
            return Ok(Found { total: self.total().await?, ..Found::default() });
        }
        let (forward, from) = match &cursor.place {
            Place::After(from) => (true, from.as_ref()),
            Place::Before(from) => (false, from.as_ref()),
        };
        let mut rows = self.window(forward, start(from), cursor.count.saturating_add(1)).await?;
        let full = usize::try_from(cursor.count).unwrap_or(usize::MAX);
        let ahead = full < rows.len();
        rows.truncate(full);
        let nearest = rows.first().map(|row| row.position.clone());
        let behind = match from {
            None => false,
            Some(_) => !self.window(!forward, start(nearest.as_ref()), 1).await?.is_empty(),
        };
        let total = match (from, ahead) {
            (None, false) => u64::try_from(rows.len()).unwrap_or(u64::MAX),
            _ => self.total().await?,
        };
        let (has_previous, has_next) = match forward {
            true => (behind, ahead),
            false => {
                rows.reverse();
                (ahead, behind)
            }
        };
        // On a page that others have emptied there is no row to go on from: then
        // the far ends of the list are before and behind it.
        let first = rows.first().map(|row| row.position.clone());
        let last = rows.last().map(|row| row.position.clone());
        let previous = has_previous.then_some(Place::Before(first));
        let next = has_next.then_some(Place::After(last));
        Ok(Found { total, rows, previous, next })
    }

    async fn window(
        self,
        forward: bool,
        start: Start<'_>,
        limit: u64,
    ) -> Result<Vec<Listed>, ProvisionError> {
        let descending = self.descending == forward;
        self.view.window(self.selections, descending, start, limit).await.map_err(read_error)
    }

    async fn total(self) -> Result<u64, ProvisionError> {
        self.view.count(self.selections).await.map_err(read_error)
    }
}

fn start(from: Option<&Position>) -> Start<'_> {
    from.map_or(Start::Offset(0), Start::After)
}

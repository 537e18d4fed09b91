//! Subjects of which a stream's receiver does not want to hear (SSF 1.0 §8.1.3).

use super::{StoreError, TenantStore, statement::Sql};
use crate::{event::NamedSubject, tenant::StreamId};

impl TenantStore {
    /// Keeps that a stream's receiver does not want to hear of `subject` any more from
    /// `effective_us` on, unless there are `most` such subjects; whether it is kept.
    /// The stream must be there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn remove_subject(
        &self,
        stream: StreamId,
        subject: &NamedSubject,
        effective_us: i64,
        most: i64,
    ) -> Result<bool, StoreError> {
        let (text, is_complex) = (subject.text(), subject.is_complex());
        self.write(move |tx| {
            let text = text.clone();
            Box::pin(async move {
                let of = |sql: &str| {
                    Sql::new(sql)
                        .push(" tenant_id = ?")
                        .bind(tx.owner())
                        .push(" and stream_id = ?")
                        .bind(stream.0)
                };
                let known = of("select 1 from stream_subject where").push(" and subject = ?");
                if tx.one(known.bind(text.clone())).await?.is_some() {
                    return Ok(true);
                }
                let count = of("select count(*) from stream_subject where")
                    .push(" and is_complex = ?")
                    .bind(is_complex);
                let count = tx.one(count).await?;
                if most <= count.map_or(Ok(0), |row| row.try_get_by_index(0))? {
                    return Ok(false);
                }
                let insert = Sql::new(
                    "insert into stream_subject (tenant_id, stream_id, subject, is_complex,
                        effective_us) values ",
                )
                .rows([vec![
                    tx.owner(),
                    stream.0.into(),
                    text.into(),
                    is_complex.into(),
                    effective_us.into(),
                ]])
                .push(" on conflict do nothing");
                tx.run(insert).await?;
                let filters = Sql::new("update stream set filters = true where tenant_id = ?")
                    .bind(tx.owner())
                    .push(" and id = ?")
                    .bind(stream.0);
                tx.run(filters).await?;
                Ok::<_, StoreError>(true)
            })
        })
        .await
    }

    /// Forgets that a stream's receiver did not want to hear of these subjects.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn add_subjects(
        &self,
        stream: StreamId,
        subjects: &[NamedSubject],
    ) -> Result<(), StoreError> {
        let texts: Vec<String> = subjects.iter().map(NamedSubject::text).collect();
        self.write(move |tx| {
            let texts = texts.clone();
            Box::pin(async move {
                let forget = Sql::new("delete from stream_subject where tenant_id = ?")
                    .bind(tx.owner())
                    .push(" and stream_id = ?")
                    .bind(stream.0)
                    .push(" and subject in ")
                    .list(texts);
                tx.run(forget).await?;
                let filters = Sql::new(
                    "update stream set filters = exists (select 1 from stream_subject u
                        where u.tenant_id = stream.tenant_id and u.stream_id = stream.id)
                     where tenant_id = ?",
                )
                .bind(tx.owner())
                .push(" and id = ?")
                .bind(stream.0);
                tx.run(filters).await.map(|_| ())
            })
        })
        .await
    }

    /// Subjects that a stream's receiver does not want to hear of at `now_us`: those
    /// with one of these `texts`, and all complex ones.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn removed_subjects(
        &self,
        stream: StreamId,
        texts: &[String],
        now_us: i64,
    ) -> Result<Vec<NamedSubject>, StoreError> {
        let removed = || {
            Sql::new("select subject from stream_subject where tenant_id = ?")
                .bind(self.tenant.get())
                .push(" and stream_id = ?")
                .bind(stream.0)
                .push(" and effective_us <= ?")
                .bind(now_us)
        };
        let sql = removed()
            .push(" and subject in ")
            .list(texts.iter().cloned())
            .push(" union all ")
            .append(removed())
            .push(" and is_complex");
        let rows = self.view().await?.all(sql).await?;
        rows.iter()
            .map(|row| {
                let text: String = row.try_get_by_index(0)?;
                NamedSubject::from_text(&text)
                    .ok_or_else(|| StoreError::Damaged("a subject of a stream".to_owned()))
            })
            .collect()
    }
}

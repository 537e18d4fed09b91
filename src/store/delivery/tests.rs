//! Claims: who gets how many, in which order, at what cost.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    super::{
        Location, MigrateCommand, NewStreamRow, NewTenantRow, SealedKey, Store, StoreError,
        migrate, statement::Sql,
    },
    Claim, Finish, Said,
    claims::{PER_STREAM, WINDOW},
};
use crate::{
    event::{EventUri, SubjectFormat, jti},
    tenant::{StreamId, TenantId},
};

const NOW_US: i64 = 1_790_000_000_000_000;
const REVOKED: i64 = 1;
const PATCHED: i64 = 1 << 5;

/// A database with one tenant.
struct House {
    _folder: TempDir,
    store: Store,
    tenant: TenantId,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("muster.db"));
        migrate(&location, MigrateCommand::Up).await.unwrap();
        let store = Store::open(&location, 4).await.unwrap();
        let row = NewTenantRow {
            parent: None,
            name: "acme".to_owned(),
            subject_issuer: None,
            created_us: NOW_US,
            public_jwk: serde_json::json!({}),
        };
        let key = |_| Ok(SealedKey { kid: "acme-1".to_owned(), sealed: Vec::new() });
        let tenant = store.insert_tenant::<StoreError>(row, key).await.unwrap().id;
        Self { _folder: folder, store, tenant }
    }

    async fn stream(&self, number: u128, endpoint_url: Option<&str>) -> StreamId {
        let id = StreamId(Uuid::from_u128(number));
        let new = NewStreamRow {
            id,
            description: String::new(),
            sink: None,
            application: None,
            settings: serde_json::json!({}),
            audience: "https://app.example".to_owned(),
            endpoint_url: endpoint_url.map(str::to_owned),
            authorization: None,
            subject_format: SubjectFormat::Opaque,
            events: EventUri::ALL.to_vec(),
            created_us: NOW_US,
        };
        self.store.tenant(self.tenant).insert_stream(&new).await.unwrap();
        id
    }

    async fn push_stream(&self, number: u128) -> StreamId {
        self.stream(number, Some("https://app.example/in")).await
    }

    /// Puts `count` events on their way to the stream, each about a subject of its own.
    async fn events(&self, stream: StreamId, count: i64, bit: i64) {
        let uri = if bit == REVOKED { EventUri::SessionRevoked } else { EventUri::ProvPatchNotice };
        let outbox = Sql::new(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)
             insert into outbox (tenant_id, event_id, txn, subject_key, event_uri, event_bit,
                payload, subject, occurred_us)
             select ?, randomblob(16), 'tx', randomblob(16), ?, ?, '{}', ?, ? from n",
        );
        let subject = crate::event::Subject::stream("u1".to_owned());
        let subject = serde_json::to_string(&subject).unwrap();
        let outbox = outbox
            .bind(count)
            .bind(self.tenant.get())
            .bind(uri.as_str())
            .bind(bit)
            .bind(subject)
            .bind(NOW_US);
        let delivery = Sql::new(
            "insert into delivery (tenant_id, stream_id, seq, subject_key, txn, state, attempt,
                due_us, leased_until_us, lane)
             select tenant_id, ?, seq, subject_key, txn, 0, 0, 0, 0,
                case when event_bit = 1 then 0 else 1 end from outbox
             order by seq desc limit ?",
        );
        let tenant = self.store.tenant(self.tenant);
        tenant.run(outbox).await.unwrap();
        tenant.run(delivery.bind(stream.0).bind(count)).await.unwrap();
    }

    async fn claim(&self, held: &HashMap<StreamId, usize>) -> Vec<Claim> {
        self.store.claim_pushes(NOW_US, 1_000, 100, held).await.unwrap()
    }

    /// The shortest of five claims of one event, each lease over at once.
    async fn claim_time(&self) -> Duration {
        let mut shortest = Duration::MAX;
        for _ in 0..5 {
            let begin = Instant::now();
            let claims = self.store.claim_pushes(NOW_US, 0, 100, &HashMap::new()).await.unwrap();
            assert_eq!(claims.len(), 1);
            shortest = shortest.min(begin.elapsed());
        }
        shortest
    }
}

fn of(claims: &[Claim], stream: StreamId) -> usize {
    claims.iter().filter(|claim| claim.stream.id == stream).count()
}

#[tokio::test]
async fn each_stream_gets_a_few_and_one_that_has_enough_gets_none() {
    let house = House::new().await;
    let (busy, other) = (house.push_stream(1).await, house.push_stream(2).await);
    house.events(busy, 100, PATCHED).await;
    house.events(other, 1, REVOKED).await;
    let counts = |claims: Vec<Claim>| (of(&claims, busy), of(&claims, other));

    let full = HashMap::from([(busy, PER_STREAM), (other, 1)]);
    assert_eq!(counts(house.claim(&full).await), (0, 1));
    house.events(other, 1, REVOKED).await;
    assert_eq!(counts(house.claim(&HashMap::new()).await), (PER_STREAM, 1));
    assert_eq!(counts(house.claim(&HashMap::new()).await), (PER_STREAM, 0), "those are leased");
    house.events(other, 1, REVOKED).await;
    let held = HashMap::from([(busy, 1)]);
    let one = house.store.claim_pushes(NOW_US, 1_000, 1, &held).await.unwrap();
    assert_eq!(counts(one), (0, 1), "whoever has least comes first");
}

#[tokio::test]
async fn revocations_go_first_behind_any_backlog() {
    let house = House::new().await;
    let stream = house.push_stream(1).await;
    house.events(stream, WINDOW - 1, PATCHED).await;
    house.events(stream, 2, REVOKED).await;

    let claims = house.claim(&HashMap::new()).await;

    let revocations = claims.iter().filter(|claim| claim.uri == EventUri::SessionRevoked).count();
    assert_eq!((claims.len(), revocations), (PER_STREAM, 2));
}

#[tokio::test]
async fn the_backlog_of_a_paused_stream_is_not_walked() {
    let house = House::new().await;
    let (stream, other) = (house.push_stream(1).await, house.push_stream(2).await);
    house.events(other, 1, REVOKED).await;
    let empty = house.claim_time().await;
    let pause = Sql::new("update stream set status = 1 where id = ?").bind(stream.0);
    house.store.tenant(house.tenant).run(pause).await.unwrap();
    house.events(stream, 50_000, PATCHED).await;

    let paused = house.claim_time().await;

    assert!(paused < 3 * empty + Duration::from_millis(5), "{empty:?} became {paused:?}");
}

#[tokio::test]
async fn looking_in_vain_does_not_wait_for_the_writer() {
    let house = House::new().await;
    house.push_stream(1).await;
    let polled = house.stream(2, None).await;
    let (begun, has_begun) = oneshot::channel();
    let begun = Mutex::new(Some(begun));
    let writer = house.store.operator();
    let busy = writer.write::<(), StoreError, _>(move |_| {
        let begun = begun.lock().unwrap().take();
        Box::pin(async move {
            begun.unwrap().send(()).unwrap();
            std::future::pending().await
        })
    });
    let look = async {
        has_begun.await.unwrap();
        let pushes = house.claim(&HashMap::new()).await;
        let (polls, more) =
            house.store.claim_poll(house.tenant, polled, NOW_US, 1, 10).await.unwrap();
        (pushes.len(), polls.len(), more)
    };
    let found = tokio::time::timeout(Duration::from_secs(5), async {
        tokio::select! {
            found = look => found,
            ended = busy => panic!("the writer was not busy: {ended:?}"),
        }
    });

    assert_eq!(found.await, Ok((0, 0, false)));
}

#[tokio::test]
async fn a_fetch_counts_as_an_attempt_unless_it_is_given_back() {
    let house = House::new().await;
    let stream = house.stream(1, None).await;
    house.events(stream, 1, REVOKED).await;
    let fetch = async || {
        house.store.claim_poll(house.tenant, stream, NOW_US, 0, 10).await.unwrap().0.remove(0)
    };

    assert_eq!(fetch().await.attempt, 0);
    let second = fetch().await;
    assert_eq!(second.attempt, 1);
    house.store.release(&[second]).await.unwrap();
    assert_eq!(fetch().await.attempt, 1);
    assert_eq!(fetch().await.attempt, 2);
}

#[tokio::test]
async fn attempts_in_a_row_are_counted_by_status_and_anew_after_a_pause() {
    let house = House::new().await;
    let stream = house.push_stream(1).await;
    house.events(stream, 1, REVOKED).await;
    let claim = async || {
        let claims = house.store.claim_pushes(NOW_US, 0, 10, &HashMap::new()).await.unwrap();
        claims.into_iter().next().unwrap()
    };
    let finish = async |finish: Finish, status: Option<u16>| {
        house
            .store
            .finish(&claim().await, finish, Said { status, ..Said::default() }, NOW_US)
            .await
            .unwrap();
    };

    for (status, in_a_row) in
        [(None, 1), (None, 2), (Some(503), 1), (Some(401), 1), (Some(401), 2), (None, 1)]
    {
        assert_eq!(claim().await.in_a_row(status), in_a_row, "{status:?}");
        finish(Finish::Retry { at_us: NOW_US }, status).await;
    }
    assert_eq!(claim().await.attempt, 6);
    finish(Finish::Held, Some(410)).await;
    let held = claim().await;
    assert_eq!((held.attempt, held.in_a_row(Some(410)), held.in_a_row(None)), (0, 1, 1));
    house.store.finish(&held, Finish::Delivered, Said::default(), NOW_US).await.unwrap();
    house.store.finish(&held, Finish::Retry { at_us: 0 }, Said::default(), NOW_US).await.unwrap();
    assert!(house.claim(&HashMap::new()).await.is_empty(), "what is finished stays so");
}

#[tokio::test]
async fn a_receivers_verdict_ends_what_it_was_given_once() {
    let house = House::new().await;
    let stream = house.stream(1, None).await;
    house.events(stream, 3, REVOKED).await;
    let poll =
        async || house.store.claim_poll(house.tenant, stream, NOW_US, 0, 10).await.unwrap().0;
    let claims = poll().await;
    let name = |number: usize| jti(claims[number].event_id, stream.0);
    let verdicts = HashMap::from([
        (name(0), None),
        (name(1), Some("invalid_audience")),
        ("of another".to_owned(), None),
    ]);
    let acknowledge =
        async || house.store.acknowledge(house.tenant, stream, &verdicts, NOW_US).await.unwrap();

    let settled = acknowledge().await;
    assert_eq!(settled.len(), 2);
    for event in settled {
        let expected = if event.seq == claims[0].seq { None } else { Some("invalid_audience") };
        assert_eq!((event.verdict, event.uri), (expected, EventUri::SessionRevoked));
    }
    assert!(acknowledge().await.is_empty());
    let left = poll().await;
    assert_eq!(left.iter().map(|claim| claim.seq).collect::<Vec<_>>(), [claims[2].seq]);
    let sql = Sql::new("select last_error from delivery where state = 2");
    let rows = house.store.operator().view().await.unwrap().all(sql).await.unwrap();
    let errors: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert_eq!(errors, ["invalid_audience"]);
}

//! Session stores that cannot keep people out are told twice.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    sinks::{Reply, StandIn},
    worker::{House, user},
};
use crate::{
    event::{EventUri, SinkKind, SubjectFormat},
    scim::resource::{ResourceId, Version},
    store::{AuditEntry, Change, NewStreamRow, ResourceKeys, RowChange},
    tenant::StreamId,
};

const TXN: &str = "tx_1";

impl House {
    /// A connector of Global Token Revocation, with these settings.
    async fn connector(&self, endpoint_url: &str, settings: Value) -> StreamId {
        let id = StreamId(self.clock.new_id());
        let secrets = SecretString::from(json!({ "token": "t" }).to_string());
        let new = NewStreamRow {
            id,
            description: String::new(),
            sink: Some(SinkKind::TokenRevocation),
            application: None,
            settings,
            audience: String::new(),
            endpoint_url: Some(endpoint_url.to_owned()),
            authorization: Some(self.secret.seal_authorization(self.tenant, id, &secrets).unwrap()),
            subject_format: SubjectFormat::Opaque,
            events: vec![EventUri::SessionRevoked],
            created_us: self.clock.now_us(),
        };
        self.store.tenant(self.tenant).insert_stream(&new).await.unwrap();
        id
    }

    /// When the only target confirmed, and what waits there.
    async fn confirmed(&self) -> (Option<i64>, i64) {
        let store = self.store.tenant(self.tenant);
        let targets = store.targets(&[TXN.to_owned()]).await.unwrap();
        (targets[0].finished_us, store.streams().await.unwrap()[0].pending)
    }

    async fn next_due(&self) -> Option<i64> {
        self.store.next_due(self.clock.now_us()).await.unwrap()
    }

    /// The user is there, and may log in.
    async fn admit(&self, user: ResourceId) {
        let keys = ResourceKeys { active: Some(true), ..ResourceKeys::default() };
        let row = RowChange::Insert { document: "{}".to_owned(), keys, created_us: 0 };
        let change = Change {
            resource_type: 1,
            id: user,
            version: Version(1),
            at_us: self.clock.now_us(),
            row,
            members: Default::default(),
            txn: "tx_0".to_owned(),
            events: Vec::new(),
            audit: AuditEntry::new(self.clock.new_id(), "token:test".to_owned(), "users.create"),
        };
        self.store.tenant(self.tenant).apply(change).await.unwrap();
    }

    fn after(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.store.appended().notify_waiters();
    }
}

/// A worker at work.
struct Running {
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    fn start(house: &House) -> Self {
        let (shutdown, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(house.worker().run(shutdown.clone()));
        Self { shutdown, tasks }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.join_all().await;
    }
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < deadline, "never");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_target_is_told_again_after_a_minute_and_stays_confirmed() {
    let house = House::new().await;
    let target = StandIn::script([Reply::status(204)]).await;
    house.connector(target.url(), json!({})).await;
    let first_us = house.clock.now_us();
    house.disable(user(1), TXN).await;
    let worker = Running::start(&house);

    target.wait_for(1).await;
    until(async || house.confirmed().await == (Some(first_us), 0)).await;
    assert_eq!(house.next_due().await, Some(first_us + 60_000_000));
    // It outlives the process that has it.
    worker.stop().await;
    let worker = Running::start(&house);
    house.after(59);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(target.heard().len(), 1, "not yet");
    house.after(2);
    let heard = target.wait_for(2).await;
    assert_eq!(heard[0].body, heard[1].body);
    until(async || house.next_due().await.is_none()).await;

    house.after(3600);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(house.confirmed().await, (Some(first_us), 0), "the first time counts");
    assert_eq!(target.heard().len(), 2, "twice is enough");
    worker.stop().await;
}

#[tokio::test]
async fn one_that_keeps_people_out_or_knows_nobody_is_told_once() {
    for (settings, reply) in
        [(json!({ "disable": true }), Reply::status(204)), (json!({}), Reply::status(404))]
    {
        let house = House::new().await;
        let target = StandIn::script([reply]).await;
        house.connector(target.url(), settings).await;
        house.disable(user(1), TXN).await;
        let worker = Running::start(&house);

        target.wait_for(1).await;
        until(async || house.confirmed().await.0.is_some()).await;

        house.after(61);
        sleep(Duration::from_millis(200)).await;
        assert_eq!(target.heard().len(), 1);
        worker.stop().await;
    }
}

#[tokio::test]
async fn who_may_log_in_again_is_left_alone() {
    let house = House::new().await;
    let target = StandIn::script([Reply::status(204)]).await;
    house.connector(target.url(), json!({})).await;
    house.disable(user(1), TXN).await;
    let worker = Running::start(&house);
    target.wait_for(1).await;
    until(async || house.confirmed().await.0.is_some()).await;

    house.admit(user(1)).await;
    house.after(61);

    until(async || house.next_due().await.is_none()).await;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(target.heard().len(), 1);
    worker.stop().await;
}

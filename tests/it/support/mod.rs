//! What every test needs: a running service, a tenant to speak for, a database to store in.

mod app;
mod client;
mod postgres;
mod process;
mod receiver;
mod set_receiver;
mod shape;
mod signer;
mod socket;
#[expect(dead_code, reason = "shared with the unit tests of sinks")]
mod stand_in;

use serde_json::Value;

pub(crate) use app::{Database, PUBLIC_URL, TestApp};
pub(crate) use client::{Answer, Request, Resource, TestTenant, replace, short_name};
pub(crate) use process::{Home, Process};
pub(crate) use receiver::{Receiver, Set};
pub(crate) use set_receiver::{Delivery, SetReceiver};
pub(crate) use shape::check_set;
pub(crate) use signer::{Signer, no_issuer_keys};
pub(crate) use socket::{RawAnswer, exchange};
pub(crate) use stand_in::{Heard, Reply, StandIn};

/// Makes a module with the tests `sqlite` and `postgres` of each function.
///
/// Both databases must give the same answers, so a test of the service never
/// runs on one alone. `settings {…};` in front, as of `json!`, replaces settings.
macro_rules! on_both_databases {
    (settings $settings:tt; $($(#[$attribute:meta])* async fn $name:ident($app:ident: TestApp) $body:block)+) => {$(
        mod $name {
            use super::*;

            $(#[$attribute])*
            async fn run($app: TestApp) $body

            fn changes() -> serde_json::Value {
                serde_json::json!($settings)
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                $crate::support::on($crate::support::Database::Sqlite, changes(), run).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                $crate::support::on($crate::support::Database::Postgres, changes(), run).await;
            }
        }
    )+};
    ($(#[$attribute:meta])* async $($rest:tt)+) => {
        on_both_databases! { settings {}; $(#[$attribute])* async $($rest)+ }
    };
}

/// Runs `test` against a service of its own on `database`, with the members of
/// `changes` in place of settings.
///
/// Without a PostgreSQL server its half says so and passes; under `./test`,
/// which provides one, it fails instead.
pub(crate) async fn on<T: Future<Output = ()>>(
    database: Database,
    changes: Value,
    test: impl FnOnce(TestApp) -> T,
) {
    let Some(app) = TestApp::start(database, &changes).await else { return };
    test(app.clone()).await;
    app.stop().await;
}

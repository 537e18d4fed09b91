//! What every test needs: a running service, a tenant to speak for, a database to store in.

mod app;
mod client;
mod postgres;

pub(crate) use app::{Database, TestApp};
pub(crate) use client::{Answer, TestTenant, replace};

/// Makes a module with the tests `sqlite` and `postgres` of each function.
///
/// Both databases must give the same answers, so a test of the service never
/// runs on one alone.
macro_rules! on_both_databases {
    ($($(#[$attribute:meta])* async fn $name:ident($app:ident: TestApp) $body:block)+) => {$(
        mod $name {
            use super::*;

            $(#[$attribute])*
            async fn run($app: TestApp) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                $crate::support::on($crate::support::Database::Sqlite, run).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                $crate::support::on($crate::support::Database::Postgres, run).await;
            }
        }
    )+};
}

/// Runs `test` against a service of its own on `database`.
///
/// Without a PostgreSQL server its half says so and passes; under `./test`,
/// which provides one, it fails instead.
pub(crate) async fn on<T: Future<Output = ()>>(
    database: Database,
    test: impl FnOnce(TestApp) -> T,
) {
    let Some(app) = TestApp::start(database).await else { return };
    test(app.clone()).await;
    app.stop().await;
}

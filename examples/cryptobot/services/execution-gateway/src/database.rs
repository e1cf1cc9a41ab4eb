//! The gateway's own database: its connections, its schema, its readiness.

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationSource, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::config::with_host;

type Resolved = Result<Vec<Migration>, Box<dyn std::error::Error + Send + Sync>>;

/// Connects when first used, so that the process starts, and says what it lacks, while its database is down.
pub fn pool(url: &str, size: u32) -> Result<PgPool, sqlx::Error> {
    let options: PgConnectOptions = with_host(url).parse()?;
    Ok(PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(3))
        // A connection that a restarted server left behind is found before a request gets it.
        .test_before_acquire(true)
        // PgBouncer refuses start-up parameters that it does not know.
        .connect_lazy_with(options.application_name("execution-gateway").extra_float_digits(None)))
}

/// Embedded, because a release is one binary; `sqlx::migrate!` would bring the macros and every driver into the build.
#[derive(Debug)]
struct Embedded;

impl MigrationSource<'static> for Embedded {
    fn resolve(self) -> std::pin::Pin<Box<dyn std::future::Future<Output = Resolved> + Send>> {
        let all = [(1, "orders", include_str!("../migrations/0001_orders.sql"))];
        let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into(), false)
        };
        Box::pin(std::future::ready(Ok(all.into_iter().map(migration).collect())))
    }
}

/// Applies what is pending, under PostgreSQL's advisory lock, each migration in its own transaction.
pub async fn migrate(pool: &PgPool) -> Result<usize, sqlx::migrate::MigrateError> {
    let migrator = Migrator::new(Embedded).await?;
    migrator.run(pool).await?;
    Ok(migrator.iter().count())
}

/// Reads only: true on a fenced database and on a standby, too.
pub async fn ready(pool: &PgPool) -> Result<(), String> {
    let read = sqlx::query("SELECT 1 FROM orders LIMIT 1").execute(pool);
    match tokio::time::timeout(Duration::from_secs(2), read).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in 2 s".to_owned()),
    }
}

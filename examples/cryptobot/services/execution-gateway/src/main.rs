//! The one service that speaks with the exchange: `execution-gateway` serves, `execution-gateway migrate` prepares its database.

mod auth;
mod config;
mod database;
mod error;
mod exchange;
mod orders;
mod telemetry;
mod web;

use std::future::IntoFuture;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::{broadcast, mpsc, watch};

use crate::config::{Config, Process};
use crate::web::{App, Gateway};

type Failure = Box<dyn std::error::Error>;

/// After SIGTERM: connections that a client has just chosen still get their answer, with `Connection: close`.
const LINGER: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = |work: fn(Config) -> Work| match start(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("execution-gateway: {error}");
            ExitCode::FAILURE
        }
    };
    match words.as_slice() {
        [] => run(|config| Box::pin(serve(config))),
        ["migrate"] => run(|config| Box::pin(migrate(config))),
        ["--version"] => {
            println!("{}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: execution-gateway [migrate | --version]");
            ExitCode::from(64)
        }
    }
}

type Work = std::pin::Pin<Box<dyn std::future::Future<Output = Result<(), Failure>>>>;

fn start(work: fn(Config) -> Work) -> Result<(), Failure> {
    let config = Config::load(&Process)?;
    telemetry::start_logging(&config.log_level);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work(config))
}

async fn migrate(config: Config) -> Result<(), Failure> {
    let known = database::migrate(&database::pool(&config.database_url, 1)?).await?;
    tracing::info!(migrations = known as u64, "the schema is up to date");
    Ok(())
}

async fn serve(config: Config) -> Result<(), Failure> {
    let (stop, stopping) = watch::channel(false);
    let (in_flight, mut all_done) = mpsc::channel(1);
    let http = exchange::Http::new();
    let gateway = Arc::new(Gateway {
        store: orders::Store {
            pool: database::pool(&config.database_url, config.pool_size)?,
            claim: 2 * config.exchange_timeout,
        },
        exchange: exchange::Exchange { http: http.clone(), url: config.exchange_url, timeout: config.exchange_timeout },
        http,
        calls: config.calls,
        verifier: auth::Verifier::new(config.public_key.as_deref(), config.service_key.as_deref())?,
        metrics: telemetry::Metrics::register()?,
        read_only: config.read_only,
        events: broadcast::channel(256).0,
        draining: AtomicBool::new(false),
        stopping: stopping.clone(),
        in_flight,
    });
    let listener = TcpListener::bind(&config.listen).await.map_err(|error| format!("{}: {error}", config.listen))?;
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    tracing::info!(listen = config.listen, environment = config.environment, read_only = config.read_only, "started");

    let mut ended = stopping.clone();
    let server = axum::serve(listener, web::router(App(gateway.clone())))
        .with_graceful_shutdown(async move { drop(ended.wait_for(|stop| *stop).await) })
        .into_future();
    let server = tokio::spawn(server);

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
    gateway.draining.store(true, Ordering::Relaxed);
    tracing::info!("draining");
    tokio::time::sleep(LINGER).await;
    stop.send(true)?;
    let pool = gateway.store.pool.clone();
    drop(gateway);
    let drained = async {
        let _ = server.await;
        all_done.recv().await
    };
    if tokio::time::timeout(config.drain, drained).await.is_err() {
        tracing::warn!("some requests were cut off");
    }
    pool.close().await;
    tracing::info!("stopped");
    Ok(())
}

//! JSON lines on stderr, counters in the Prometheus format, and the request id that joins them.

use std::fmt::{Debug, Result};

use prometheus::{register_histogram_vec, register_int_counter_vec, HistogramVec, IntCounterVec, TextEncoder};
use serde_json::{json, Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt, Layer};

pub const SERVICE: &str = env!("CARGO_PKG_NAME");

tokio::task_local! {
    /// The id of the request that the current task serves.
    pub static REQUEST_ID: String;
}

pub fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// The caller's id where it is short and printable (it goes into logs and headers), else a new one.
pub fn accept_request_id(given: Option<&str>) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    match given {
        Some(id) if (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) => id.to_owned(),
        _ => {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
            format!("{now:x}-{:x}-{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
        }
    }
}

/// The members that every service of the application writes, so that one query finds a request in all their logs.
struct JsonLine;

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N> for JsonLine {
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> Result {
        let mut at = String::new();
        SystemTime.format_time(&mut Writer::new(&mut at))?;
        let mut line = Members(Map::new());
        line.0.insert("at".to_owned(), at.into());
        line.0.insert("level".to_owned(), event.metadata().level().as_str().to_lowercase().into());
        line.0.insert("service".to_owned(), SERVICE.into());
        let request_id = request_id();
        if !request_id.is_empty() {
            line.0.insert("request_id".to_owned(), request_id.into());
        }
        event.record(&mut line);
        writeln!(writer, "{}", Value::Object(line.0))
    }
}

struct Members(Map<String, Value>);

impl Visit for Members {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), json!(value));
    }
}

pub fn start_logging(level: &str) {
    let level = level.parse().unwrap_or(tracing::Level::INFO);
    let quiet = Targets::new().with_default(level).with_target("sqlx", level.min(tracing::Level::WARN));
    let lines = tracing_subscriber::fmt::layer().event_format(JsonLine).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(quiet)).init();
}

#[derive(Clone)]
pub struct Metrics {
    pub requests: IntCounterVec,
    pub seconds: HistogramVec,
    pub orders: IntCounterVec,
}

impl Metrics {
    pub fn register() -> prometheus::Result<Self> {
        Ok(Self {
            requests: register_int_counter_vec!(
                "http_requests_total",
                "Requests answered.",
                &["service", "method", "route", "status"]
            )?,
            seconds: register_histogram_vec!(
                "http_request_duration_seconds",
                "Time to answer.",
                &["service", "method", "route"]
            )?,
            orders: register_int_counter_vec!("gateway_orders_total", "Orders by what became of them.", &["status"])?,
        })
    }

    pub fn text() -> String {
        TextEncoder::new().encode_to_string(&prometheus::gather()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::accept_request_id;

    #[test]
    fn a_request_id_is_kept_if_it_is_harmless() {
        assert_eq!(accept_request_id(Some("edge-1")), "edge-1");
        assert_ne!(accept_request_id(Some("two words")), "two words");
        assert_ne!(accept_request_id(None), accept_request_id(None));
    }
}

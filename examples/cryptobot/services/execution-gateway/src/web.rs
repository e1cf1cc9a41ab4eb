//! Routes, and what every request passes: its id, its log line, its counters.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, MatchedPath, Path, Query, Request, State};
use axum::http::{header, request::Parts, HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{from_fn_with_state, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{json, Value};
use tokio::sync::{broadcast, mpsc, watch};

use crate::auth::{Caller, Verifier};
use crate::database;
use crate::error::Problem;
use crate::exchange::{Exchange, Failure, Http};
use crate::orders::{Draft, Order, Reserved, Store};
use crate::telemetry::{accept_request_id, request_id, Metrics, REQUEST_ID, SERVICE};

#[derive(Clone)]
pub struct App(pub Arc<Gateway>);

pub struct Gateway {
    pub store: Store,
    pub exchange: Exchange,
    pub http: Http,
    pub calls: BTreeMap<String, String>,
    pub verifier: Verifier,
    pub metrics: Metrics,
    pub read_only: bool,
    pub events: broadcast::Sender<Order>,
    /// Answers tell their connection to end: the process is about to.
    pub draining: AtomicBool,
    pub stopping: watch::Receiver<bool>,
    /// Held by each order on its way to the exchange; the process ends when all are gone.
    pub in_flight: mpsc::Sender<()>,
}

pub fn router(app: App) -> Router {
    Router::new()
        .route("/health/live", get(|| async { Json(json!({"status": "ok", "service": SERVICE})) }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(|| async { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], Metrics::text()) }))
        .route("/internal/ping", get(ping))
        .route("/internal/calls", get(calls))
        .route("/orders", post(place).get(list))
        .route("/orders/{client_order_id}", get(show))
        .route("/ws", get(stream))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "not_found", "no such path") })
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

async fn observe(State(App(gateway)): State<App>, request: Request, next: Next) -> Response {
    let id = accept_request_id(request.headers().get("x-request-id").and_then(|value| value.to_str().ok()));
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = Instant::now();
    REQUEST_ID
        .scope(id.clone(), async move {
            let mut response = next.run(request).await;
            let (status, elapsed) = (response.status(), started.elapsed());
            let (method, ms) = (method.as_str(), (elapsed.as_secs_f64() * 1e5).round() / 100.0);
            gateway.metrics.requests.with_label_values(&[SERVICE, method, &route, status.as_str()]).inc();
            gateway.metrics.seconds.with_label_values(&[SERVICE, method, &route]).observe(elapsed.as_secs_f64());
            let status = u64::from(status.as_u16());
            match status < 400 && (route.starts_with("/health") || route == "/metrics") {
                true => tracing::debug!(method, path, status, ms, "request"),
                false => tracing::info!(method, path, status, ms, "request"),
            }
            if let Ok(value) = HeaderValue::from_str(&id) {
                response.headers_mut().insert("x-request-id", value);
            }
            if gateway.draining.load(Ordering::Relaxed) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response
        })
        .await
}

/// A verified token; of a browser's WebSocket, which sends no headers of its own, as the second subprotocol.
struct Bearer {
    caller: Caller,
    token: String,
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|value| value.split_once(' '));
    match bearer {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
        _ => text(header::SEC_WEBSOCKET_PROTOCOL)?.strip_prefix("bearer,").map(str::trim),
    }
}

impl FromRequestParts<App> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, App(gateway): &App) -> Result<Self, Problem> {
        let token = token(&parts.headers).ok_or_else(|| Problem::unauthorized("send an Authorization: Bearer header"))?;
        let caller = gateway.verifier.caller(token);
        let caller = caller.map_err(|why| Problem::unauthorized(format!("the token is not valid: {why}")))?;
        Ok(Self { caller, token: token.to_owned() })
    }
}

async fn ready(State(App(gateway)): State<App>) -> (StatusCode, Json<Value>) {
    let (status, word, check) = match database::ready(&gateway.store.pool).await {
        Ok(()) => (StatusCode::OK, "ok", "ok".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", format!("down: {why}")),
    };
    let version = env!("CARGO_PKG_VERSION");
    (status, Json(json!({"status": word, "service": SERVICE, "version": version, "checks": {"database": check}})))
}

async fn ping(bearer: Bearer) -> Json<Value> {
    Json(json!({"service": SERVICE, "subject": bearer.caller.subject, "request_id": request_id()}))
}

/// Asks each service that this one may call, with the request's own id and token.
async fn calls(State(App(gateway)): State<App>, bearer: Bearer) -> Json<Value> {
    let mut answers = serde_json::Map::new();
    for (name, base) in &gateway.calls {
        let url = format!("{}/internal/ping", base.trim_end_matches('/'));
        let answer = gateway.http.json(Method::GET, &url, Some(&bearer.token), None, Duration::from_secs(3)).await;
        let entry = match answer {
            Ok((StatusCode::OK, body)) => json!({"status": "ok", "request_id": body["request_id"]}),
            Ok((status, _)) => json!({"status": "failed", "code": "peer_error", "message": format!("answered {status}")}),
            Err(failure) => json!({"status": "failed", "code": "peer_unavailable", "message": failure.message}),
        };
        answers.insert(name.clone(), entry);
    }
    Json(json!({"service": SERVICE, "request_id": request_id(), "calls": answers}))
}

async fn place(State(App(gateway)): State<App>, bearer: Bearer, body: axum::body::Bytes) -> Result<Response, Problem> {
    if gateway.read_only {
        return Err(Problem::read_only());
    }
    if gateway.exchange.url.is_empty() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no_exchange",
            "exchange_url is not set: no order can be placed",
        ));
    }
    let invalid = |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", why);
    let draft: Draft = serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))?;
    draft.check().map_err(invalid)?;
    // A task of its own: a client that hangs up drops the request, not an order that is half sent.
    let order = REQUEST_ID.scope(request_id(), async move {
        let _in_flight = gateway.in_flight.clone();
        submit(&gateway, &draft, &bearer.caller).await
    });
    let (status, order) = tokio::spawn(order)
        .await
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the order was interrupted"))??;
    Ok((status, Json(order)).into_response())
}

async fn submit(gateway: &Gateway, draft: &Draft, caller: &Caller) -> Result<(StatusCode, Order), Problem> {
    let (status, sent) = match gateway.store.reserve(draft, &caller.subject).await? {
        Reserved::Known(order) => return Ok((StatusCode::OK, *order)),
        Reserved::Taken => {
            let message = format!("client_order_id {} belongs to another order", draft.client_order_id);
            return Err(Problem::new(StatusCode::CONFLICT, "conflict", message));
        }
        Reserved::New => (StatusCode::CREATED, gateway.exchange.place(draft).await),
        Reserved::Reclaimed => (StatusCode::OK, resume(gateway, draft).await),
    };
    match sent {
        Ok(verdict) => {
            let order = gateway.store.decide(&draft.client_order_id, &verdict).await?;
            gateway.metrics.orders.with_label_values(&[&order.status]).inc();
            tracing::info!(client_order_id = draft.client_order_id, status = order.status, "order");
            let _ = gateway.events.send(order.clone()); // an error means that nobody listens
            Ok((status, order))
        }
        Err(failure) => {
            if failure.settled {
                gateway.store.release(&draft.client_order_id).await?;
            }
            gateway.metrics.orders.with_label_values(&["undecided"]).inc();
            tracing::warn!(client_order_id = draft.client_order_id, error = failure.message, "order is undecided");
            Err(Problem::new(StatusCode::BAD_GATEWAY, "exchange_unavailable", "the order is pending: repeat it with the same id"))
        }
    }
}

/// An order whose first request came to no end: sent only if the exchange does not know it.
async fn resume(gateway: &Gateway, draft: &Draft) -> Result<crate::exchange::Verdict, Failure> {
    match gateway.exchange.find(&draft.client_order_id).await? {
        Some(verdict) => Ok(verdict),
        None => gateway.exchange.place(draft).await,
    }
}

#[derive(Deserialize)]
struct Page {
    limit: Option<i64>,
}

async fn list(State(App(gateway)): State<App>, bearer: Bearer, Query(page): Query<Page>) -> Result<Json<Value>, Problem> {
    let limit = page.limit.unwrap_or(50).clamp(1, 500);
    Ok(Json(json!({"items": gateway.store.list(&bearer.caller, limit).await?})))
}

async fn show(State(App(gateway)): State<App>, bearer: Bearer, Path(id): Path<String>) -> Result<Json<Order>, Problem> {
    let found = gateway.store.fetch(&id).await?;
    let visible = found.filter(|order| bearer.caller.internal || order.owner == bearer.caller.subject);
    visible.map(Json).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "not_found", format!("order {id} does not exist")))
}

async fn stream(State(App(gateway)): State<App>, bearer: Bearer, upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["bearer"]).on_upgrade(move |socket| push(gateway, bearer.caller, socket))
}

async fn push(gateway: Arc<Gateway>, caller: Caller, mut socket: WebSocket) {
    let mut events = gateway.events.subscribe();
    let mut stopping = gateway.stopping.clone();
    let stopped = async move { drop(stopping.wait_for(|stop| *stop).await) };
    tokio::pin!(stopped);
    let mut beat = tokio::time::interval(Duration::from_secs(20));
    loop {
        let message = tokio::select! {
            event = events.recv() => match event {
                Ok(order) if caller.internal || order.owner == caller.subject => Message::Text(json!(order).to_string().into()),
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => break,
            },
            _ = beat.tick() => Message::Ping(Default::default()),
            received = socket.recv() => match received {
                Some(Ok(_)) => continue,
                _ => break,
            },
            () = &mut stopped => {
                let _ = socket.send(Message::Close(None)).await;
                break;
            }
        };
        if socket.send(message).await.is_err() {
            break;
        }
    }
}

//! The one place where an order leaves the house.

use std::time::Duration;

use axum::http::{header, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{connect::HttpConnector, Client};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::orders::Draft;
use crate::telemetry::request_id;

#[derive(Clone)]
pub struct Http(Client<HttpConnector, Full<axum::body::Bytes>>);

#[derive(Debug)]
pub struct Failure {
    pub message: String,
    /// False where the other side may still be working on the request.
    pub settled: bool,
}

impl Http {
    pub fn new() -> Self {
        let mut client = Client::builder(TokioExecutor::new());
        // An idle connection may be closed just as an order is written to it, and nobody knows then whether it was read.
        Self(client.pool_max_idle_per_host(0).retry_canceled_requests(false).build_http())
    }

    pub async fn json(
        &self,
        method: Method,
        url: &str,
        token: Option<&str>,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<(StatusCode, Value), Failure> {
        let never_sent = |message: String| Failure { message: format!("{url}: {message}"), settled: true };
        let perhaps_sent = |message: String| Failure { message: format!("{url}: {message}"), settled: false };
        let uri: Uri = url.parse().map_err(|_| never_sent("not a URL".to_owned()))?;
        let mut request = Request::builder().method(method).uri(uri).header("x-request-id", request_id());
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::from(body)).map_err(|error| never_sent(error.to_string()))?;
        let exchange = async {
            let response = self.0.request(request).await.map_err(|error| match error.is_connect() {
                true => never_sent("no connection".to_owned()),
                false => perhaps_sent(error.to_string()),
            })?;
            let status = response.status();
            let body = Limited::new(response.into_body(), 1 << 20).collect().await;
            let bytes = body.map_err(|error| perhaps_sent(error.to_string()))?.to_bytes();
            Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
        };
        let seconds = timeout.as_secs();
        tokio::time::timeout(timeout, exchange).await.unwrap_or_else(|_| Err(perhaps_sent(format!("no answer in {seconds} s"))))
    }
}

/// What the exchange made of an order.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    Accepted { exchange_order_id: String },
    Rejected { reason: String },
}

#[derive(Clone)]
pub struct Exchange {
    pub http: Http,
    pub url: String,
    pub timeout: Duration,
}

impl Exchange {
    pub async fn place(&self, draft: &Draft) -> Result<Verdict, Failure> {
        let body = serde_json::json!(draft);
        let url = format!("{}/orders", self.url);
        let (status, answer) = self.http.json(Method::POST, &url, None, Some(&body), self.timeout).await?;
        judge(status, &answer).ok_or_else(|| Failure { message: format!("{url}: answered {status}"), settled: true })
    }

    /// The verdict on an order that may have been sent before, None if the exchange never saw it.
    pub async fn find(&self, client_order_id: &str) -> Result<Option<Verdict>, Failure> {
        let url = format!("{}/orders?client_order_id={client_order_id}", self.url);
        let (status, answer) = self.http.json(Method::GET, &url, None, None, self.timeout).await?;
        match (status, answer["orders"].as_array()) {
            (StatusCode::OK, Some(orders)) => Ok(orders.first().and_then(|order| judge(StatusCode::OK, order))),
            _ => Err(Failure { message: format!("{url}: answered {status}"), settled: true }),
        }
    }
}

/// None where the answer decides nothing, as a 500 or an empty 200.
fn judge(status: StatusCode, answer: &Value) -> Option<Verdict> {
    match (status.as_u16(), answer["exchange_order_id"].as_str()) {
        (200..=299, Some(id)) => Some(Verdict::Accepted { exchange_order_id: id.to_owned() }),
        (429, _) => None,
        (400..=499, _) => Some(Verdict::Rejected {
            reason: answer["error"]["message"].as_str().or(answer["error"].as_str()).unwrap_or("refused").to_owned(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_id_is_an_acceptance_and_only_a_4xx_a_refusal() {
        let accepted = judge(StatusCode::CREATED, &json!({"exchange_order_id": "x1", "status": "accepted"}));
        assert_eq!(accepted, Some(Verdict::Accepted { exchange_order_id: "x1".to_owned() }));
        let refused = judge(StatusCode::BAD_REQUEST, &json!({"error": {"message": "no such symbol"}}));
        assert_eq!(refused, Some(Verdict::Rejected { reason: "no such symbol".to_owned() }));
        for (status, body) in [(200, json!({})), (500, json!({})), (429, json!({"error": "slow down"})), (302, Value::Null)] {
            assert_eq!(judge(StatusCode::from_u16(status).unwrap(), &body), None, "{status}");
        }
    }
}

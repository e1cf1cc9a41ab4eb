//! The answer to what cannot be done, in the shape that all services share.

use axum::http::{header, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde_json::json;

use crate::telemetry::request_id;

#[derive(Debug)]
pub struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub fn read_only() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "read_only", "orders are read-only at the moment")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message, "request_id": request_id()}});
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}

/// SQLSTATE of a write that the database refuses at the moment: a fence, a standby.
const READ_ONLY: &str = "25006";

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let sqlstate = error.as_database_error().and_then(|error| error.code());
        tracing::error!(error = %error, "database");
        match sqlstate.as_deref() {
            Some(READ_ONLY) => Self::read_only(),
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", "the database cannot be used at the moment"),
        }
    }
}

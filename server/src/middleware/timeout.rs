//! A request that takes too long is given up, so that nothing waits for ever.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::error::ApiError;
use crate::state::AppState;

pub async fn limit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    within(state.config.http.request_timeout(), next.run(request)).await
}

async fn within(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    tokio::time::timeout(limit, answer)
        .await
        .unwrap_or_else(|_| {
            ApiError::http(
                StatusCode::SERVICE_UNAVAILABLE,
                "timed_out",
                format!(
                    "the request took longer than {} s: try again, or send less at once",
                    limit.as_secs()
                ),
            )
            .into_response()
        })
}

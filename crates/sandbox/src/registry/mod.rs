//! The OCI distribution API behind ECR.

use std::sync::Arc;

use axum::Router;

use crate::state::Shared;

/// Everything under `/v2/`.
pub fn router(_shared: Arc<Shared>) -> Router {
    Router::new()
}

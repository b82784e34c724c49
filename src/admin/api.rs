//! The routes.
//!
//! | method and path | answers with |
//! | --- | --- |
//! | `GET /v1/status` | [`crate::control::Status`] |
//! | `GET /v1/explain?name=&client=&type=` | [`crate::answer::Explanation`] |
//! | `GET /v1/overrides` | those in force, [`crate::route::Override`] |
//! | `POST /v1/overrides` | [`crate::control::Ordered`]; asked by [`crate::control::Order`] |
//! | `DELETE /v1/overrides?target=` | [`crate::control::Ordered`] |
//! | `POST /v1/release?target=` | [`crate::control::Released`] |
//! | `POST /v1/reload?confirm=` | [`crate::control::ReloadReport`]; 422 where something was refused |
//! | `POST /v1/plan` | [`crate::control::Plan`] |
//! | `GET /metrics` | Prometheus text |
//!
//! Errors are `{ "error": "…" }`.

use std::net::IpAddr;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::{Explanation, Question, explain};
use crate::control::{
    Handle, Order, OrderError, Ordered, Plan, ReleaseError, Released, ReloadReport, Status,
    Stopped, Unordered, Unreleased,
};
use crate::route::{Override, WhyNot};
use crate::serve::Totals;
use crate::telemetry::metrics;

use super::server::Peer;

/// What the routes need.
#[derive(Clone)]
struct Context {
    control: Handle,
    totals: Totals,
}

/// Everything: for the control socket, whose permissions say who may.
pub fn full(control: Handle, totals: Totals) -> Router {
    let routes = routes()
        .route("/v1/overrides", post(give))
        .route("/v1/overrides", delete(clear))
        .route("/v1/release", post(release))
        .route("/v1/plan", post(plan))
        .route("/v1/reload", post(reload));
    whole(routes).with_state(Context { control, totals })
}

/// What changes nothing: for anybody who reaches the address.
pub fn read_only(control: Handle, totals: Totals) -> Router {
    whole(routes()).with_state(Context { control, totals })
}

fn routes() -> Router<Context> {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/explain", get(explained))
        .route("/v1/overrides", get(overrides))
        .route("/metrics", get(scrape))
}

/// All `routes`, and errors for everything else.
fn whole(routes: Router<Context>) -> Router<Context> {
    routes
        .fallback(async || Failure(StatusCode::NOT_FOUND, "no such path".into()))
        .method_not_allowed_fallback(async || {
            Failure(StatusCode::METHOD_NOT_ALLOWED, "no such method here".into())
        })
}

async fn status(State(context): State<Context>) -> Result<Json<Status>, Failure> {
    Ok(Json(context.control.status().await?))
}

#[derive(Debug, Deserialize)]
struct ExplainQuery {
    name: String,
    client: IpAddr,
    #[serde(rename = "type", default = "address")]
    rtype: String,
}

fn address() -> String {
    "A".into()
}

async fn explained(
    State(context): State<Context>,
    query: Result<Query<ExplainQuery>, QueryRejection>,
) -> Result<Json<Explanation>, Failure> {
    let Query(ExplainQuery { name, client, rtype }) = query?;
    let question = Question::from_text(&name, &rtype, client)
        .map_err(|error| Failure(StatusCode::BAD_REQUEST, error.to_string()))?;
    let health = context.control.status().await?.health;
    Ok(Json(explain(&context.control.snapshot(), &question, Some(&health))))
}

/// The overrides in force.
#[derive(Debug, Serialize, Deserialize)]
pub struct Listed {
    /// In the order in which they were given.
    pub overrides: Vec<Override>,
    /// Why they are not restored, or not saved, or health is not; `None`: they are.
    pub state: Option<String>,
}

async fn overrides(State(context): State<Context>) -> Result<Json<Listed>, Failure> {
    let Status { overrides, state, .. } = context.control.status().await?;
    Ok(Json(Listed { overrides, state }))
}

async fn give(
    State(context): State<Context>,
    Extension(peer): Extension<Peer>,
    order: Result<Json<Order>, JsonRejection>,
) -> Result<Json<Ordered>, Failure> {
    let Json(order) = order?;
    Ok(Json(context.control.give(order, name(peer).await).await?))
}

#[derive(Debug, Deserialize)]
struct TargetQuery {
    target: String,
}

async fn clear(
    State(context): State<Context>,
    Extension(peer): Extension<Peer>,
    query: Result<Query<TargetQuery>, QueryRejection>,
) -> Result<Json<Ordered>, Failure> {
    let Query(TargetQuery { target }) = query?;
    Ok(Json(context.control.clear(target, name(peer).await).await?))
}

async fn release(
    State(context): State<Context>,
    Extension(peer): Extension<Peer>,
    query: Result<Query<TargetQuery>, QueryRejection>,
) -> Result<Json<Released>, Failure> {
    let Query(TargetQuery { target }) = query?;
    Ok(Json(context.control.let_back(target, name(peer).await).await?))
}

/// As in `uid 1000 (alice)`. Names may come over a network, so a task of its own looks them up.
async fn name(Peer(uid): Peer) -> String {
    let Some(uid) = uid else { return "somebody unknown".into() };
    let user = tokio::task::spawn_blocking(move || User::from_uid(Uid::from_raw(uid)));
    match user.await {
        Ok(Ok(Some(user))) => format!("uid {uid} ({})", user.name),
        Ok(Ok(None) | Err(_)) | Err(_) => format!("uid {uid}"),
    }
}

#[derive(Debug, Deserialize)]
struct ReloadQuery {
    #[serde(default)]
    confirm: bool,
}

async fn reload(
    State(context): State<Context>,
    query: Result<Query<ReloadQuery>, QueryRejection>,
) -> Result<(StatusCode, Json<ReloadReport>), Failure> {
    let Query(ReloadQuery { confirm }) = query?;
    let report = match confirm {
        true => context.control.reload_confirmed().await?,
        false => context.control.reload().await?,
    };
    let status = if report.clean { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Json(report)))
}

async fn plan(State(context): State<Context>) -> Result<Json<Plan>, Failure> {
    Ok(Json(context.control.plan().await?))
}

async fn scrape(State(context): State<Context>) -> Result<Response, Failure> {
    let text = metrics::render(context.control.status().await?, context.totals);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// An error as the API tells it.
struct Failure(StatusCode, String);

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string())
    }
}

impl From<Unordered> for Failure {
    fn from(error: Unordered) -> Self {
        let status = match &error {
            Unordered::Refused(
                OrderError::Duration(_)
                | OrderError::Reason
                | OrderError::Share(_)
                | OrderError::Target(_),
            ) => StatusCode::BAD_REQUEST,
            Unordered::Refused(OrderError::NotOverridden(_)) => StatusCode::NOT_FOUND,
            Unordered::Refused(OrderError::Last(_) | OrderError::Unsafe(_)) => StatusCode::CONFLICT,
            Unordered::Refused(OrderError::NotWritten(_)) | Unordered::Stopped(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Self(status, error.to_string())
    }
}

impl From<Unreleased> for Failure {
    fn from(error: Unreleased) -> Self {
        let status = match &error {
            Unreleased::Refused(ReleaseError::NotAwaiting(none)) => match none.why {
                WhyNot::Unknown(_) | WhyNot::Endpoint => StatusCode::BAD_REQUEST,
                WhyNot::NotAwaiting => StatusCode::CONFLICT,
            },
            Unreleased::Refused(ReleaseError::NotWritten(_)) | Unreleased::Stopped(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Self(status, error.to_string())
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(status, error) = self;
        (status, Json(json!({ "error": error }))).into_response()
    }
}

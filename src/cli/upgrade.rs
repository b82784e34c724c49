//! `meridian upgrade`, and the route by which the running server hears of it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::Config;
use super::output::{self, Failure};

/// Who asks for a hand-over.
pub(super) struct Asking {
    /// To be told the new process or why there is none.
    pub(super) reply: oneshot::Sender<Result<u32, String>>,
    /// Nobody else asks while this is held.
    pub(super) turn: OwnedSemaphorePermit,
}

/// Has the running server hand over to the binary that is now in its place.
pub(super) fn upgrade(config: &Config) -> Result<(), Failure> {
    let reply: Value = config.ask(Method::POST, "/v1/upgrade", Some(StatusCode::NOT_FOUND))?;
    let process = reply.get("process").and_then(Value::as_u64);
    let process = process.ok_or_else(|| Failure::new("the running server can't be upgraded"))?;
    output::print(format_args!("process {process} serves\n"));
    Ok(())
}

/// The route, for the control socket.
pub(super) fn routes(asking: mpsc::Sender<Asking>) -> Router {
    Router::new().route("/v1/upgrade", post(ask)).with_state((asking, Arc::new(Semaphore::new(1))))
}

async fn ask(
    State((asking, turns)): State<(mpsc::Sender<Asking>, Arc<Semaphore>)>,
) -> (StatusCode, Json<Value>) {
    let Ok(turn) = turns.try_acquire_owned() else {
        return (StatusCode::CONFLICT, Json(json!({ "error": "an upgrade is under way" })));
    };
    let (reply, answer) = oneshot::channel();
    let _ = asking.send(Asking { reply, turn }).await;
    match answer.await {
        Ok(Ok(process)) => (StatusCode::OK, Json(json!({ "process": process }))),
        Ok(Err(error)) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": error }))),
        Err(_) => {
            let error = json!({ "error": "the server is stopping" });
            (StatusCode::SERVICE_UNAVAILABLE, Json(error))
        }
    }
}

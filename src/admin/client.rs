//! The commands' side of the control socket.

use std::io;
use std::path::Path;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

/// Why a command got no answer from the server.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or not to this user.
    #[error("can't reach the server at {socket}: {error}; {}", remedy(error))]
    Unreachable {
        /// The socket.
        socket: String,
        /// What the system said.
        error: io::Error,
    },
    /// The server refused.
    #[error("{error}")]
    Refused {
        /// What kind of refusal it is: 400 where the question itself is wrong.
        status: StatusCode,
        /// In words.
        error: String,
    },
    /// The connection broke, or the server is of another version.
    #[error("the server's answer can't be understood: {0}")]
    Garbled(String),
}

/// Asks for `path` and reads the reply's JSON, if its status is a success or `also`.
pub async fn ask<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    also: Option<StatusCode>,
) -> Result<T, ClientError> {
    send(socket, method, path, Bytes::new(), also).await
}

/// As [`ask`], with a `body` in JSON.
pub async fn send<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    body: Bytes,
    also: Option<StatusCode>,
) -> Result<T, ClientError> {
    let stream = UnixStream::connect(socket).await.map_err(|error| ClientError::Unreachable {
        socket: socket.display().to_string(),
        error,
    })?;
    let (status, body) = exchange(stream, method, path, body).await.map_err(garbled)?;
    if status.is_success() || Some(status) == also {
        return serde_json::from_slice(&body).map_err(garbled);
    }
    let error = serde_json::from_slice(&body).map(|ErrorBody { error }| error);
    Err(ClientError::Refused { status, error: error.unwrap_or_else(|_| status.to_string()) })
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "the socket is for its owner and group alone",
        _ => "is it running with this configuration?",
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

fn garbled(error: impl std::fmt::Display) -> ClientError {
    ClientError::Garbled(error.to_string())
}

async fn exchange(
    stream: UnixStream,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(hyper::header::HOST, "meridian")
        .header(hyper::header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

//! One request and its reply over a fresh connection, judged: first the status, then the body, then
//! what it says of being ready. What it says of load is passed on and judged by nobody.

use std::convert::Infallible;
use std::future;

use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::cause::{self, Phase};
use super::plan::HttpCheck;
use crate::health::{Cause, Verdict};

/// Sends the request of `check` and judges what comes back; the load that this reports. The caller bounds
/// the time. Where nothing is looked for in the body it is not awaited. An error is never `Success`.
pub(super) async fn exchange<S>(stream: S, check: &HttpCheck) -> Result<Option<f64>, Verdict>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let reply_cause = |error: hyper::Error| Verdict::Failure(cause::answered(&error, Phase::Reply));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(reply_cause)?;
    // How the connection ends is told by the reply too; this only moves its bytes.
    let transport = async {
        let _told_by_the_reply = connection.await;
        future::pending::<Infallible>().await
    };
    let judged = async {
        let reply = sender.send_request(request(check)).await.map_err(reply_cause)?;
        let status = reply.status().as_u16();
        if !check.status.iter().any(|&(low, high)| (low..=high).contains(&status)) {
            return Err(Verdict::Failure(Cause::Status(status)));
        }
        if !check.ready.is_empty() || check.load.is_some() {
            let body = Body::read(reply.into_body()).await.map_err(reply_cause)?;
            return body.judge(check);
        }
        let Some(wanted) = &check.body else { return Ok(None) };
        let found = contains(reply.into_body(), wanted.as_bytes()).await.map_err(reply_cause)?;
        if found { Ok(None) } else { Err(Verdict::Failure(Cause::Body(wanted.clone()))) }
    };
    tokio::select! {
        verdict = judged => verdict,
        never = transport => match never {},
    }
}

/// Made anew each time: kept for thousands of monitors, its headers would be most of their memory.
fn request(check: &HttpCheck) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = check.path.clone();
    let headers = request.headers_mut();
    headers.insert(HOST, check.host.clone());
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    request
}

/// Whether `wanted` lies within the first [`BODY_LIMIT`] bytes. Reads no further than it must.
async fn contains(mut body: Incoming, wanted: &[u8]) -> Result<bool, hyper::Error> {
    let mut unread = BODY_LIMIT;
    // What was read, down to the part that a match may yet begin in.
    let mut window = Vec::new();
    while unread > 0 {
        let Some(frame) = body.frame().await.transpose()? else { break };
        let Ok(data) = frame.into_data() else { continue };
        let data = &data[..data.len().min(unread)];
        unread -= data.len();
        window.extend_from_slice(data);
        if window.windows(wanted.len()).any(|candidate| candidate == wanted) {
            return Ok(true);
        }
        window.drain(..window.len().saturating_sub(wanted.len() - 1));
    }
    Ok(false)
}

/// A body, or what is read of it.
struct Body {
    start: Vec<u8>,
    is_whole: bool,
}

impl Body {
    /// Reads the body, if it is longer than [`BODY_LIMIT`] so much of it.
    async fn read(mut body: Incoming) -> Result<Self, hyper::Error> {
        let mut start = Vec::new();
        while let Some(frame) = body.frame().await.transpose()? {
            let Ok(data) = frame.into_data() else { continue };
            let unread = BODY_LIMIT - start.len();
            if data.len() > unread {
                start.extend_from_slice(&data[..unread]);
                return Ok(Self { start, is_whole: false });
            }
            start.extend_from_slice(&data);
        }
        Ok(Self { start, is_whole: true })
    }

    /// Judges it, and finds the load. The first condition that does not hold is told; without any the body
    /// may be no JSON.
    fn judge(&self, check: &HttpCheck) -> Result<Option<f64>, Verdict> {
        let has_conditions = !check.ready.is_empty();
        if has_conditions && !self.is_whole {
            return Err(Verdict::Failure(Cause::LongBody));
        }
        if let Some(wanted) = &check.body
            && !self.start.windows(wanted.len()).any(|candidate| candidate == wanted.as_bytes())
        {
            return Err(Verdict::Failure(Cause::Body(wanted.clone())));
        }
        let Ok(json) = serde_json::from_slice(&self.start) else {
            return if has_conditions { Err(Verdict::Failure(Cause::NotJson)) } else { Ok(None) };
        };
        let mut conditions = check.ready.iter();
        conditions.try_for_each(|condition| condition.judge(&json)).map_err(Verdict::Unfit)?;
        let load = check.load.as_ref().and_then(|path| path.find(&json)?.as_f64());
        Ok(load.filter(|load| load.is_finite() && *load >= 0.0))
    }
}

const AGENT: &str = concat!("meridian/", env!("CARGO_PKG_VERSION"));

/// How much of a body is read, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// How long the head of a reply may be, in bytes; a longer one is not valid.
const HEAD_LIMIT: usize = 32 * 1024;

//! A client of the HTTP API.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use super::daemon::PATIENCE;
use super::host::Host;

/// A reply.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What an error says.
    #[track_caller]
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().into()
    }
}

/// Sends a request such as `GET /metrics` to the control socket.
#[track_caller]
pub fn control(host: &Host, request: &str) -> Reply {
    let stream = UnixStream::connect(host.path("control.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    exchange(stream, request, "")
}

/// Sends a request with a body in JSON to the control socket.
#[track_caller]
pub fn send(host: &Host, request: &str, body: &str) -> Reply {
    let stream = UnixStream::connect(host.path("control.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    exchange(stream, request, body)
}

/// Sends a request to an address.
#[track_caller]
pub fn tcp(address: SocketAddr, request: &str) -> Reply {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    exchange(stream, request, "")
}

#[track_caller]
fn exchange(mut stream: impl Read + Write, request: &str, body: &str) -> Reply {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let request = format!(
        "{request} HTTP/1.1\r\nHost: meridian\r\nConnection: close\r\n{kind}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.into(), body: body.into() }
}

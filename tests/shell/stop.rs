//! How a server ends: soon, whatever its clients do.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use meridian::serve::udp::Worker;
use meridian::serve::{Tally, bind};

use nix::sys::signal::Signal;

use crate::running::{Running, UNCHECKED, until};
use crate::server::Server;

/// A query for the addresses of `www.app.example`.
const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x03app\x07example\0\0\x01\0\x01";

#[tokio::test]
async fn a_worker_ends_though_its_queue_never_does() {
    let control = Running::start(UNCHECKED);
    let listener = bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap().pop().unwrap();
    let socket = listener.udp.into_iter().next().unwrap();
    let client = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
    client.connect(listener.address).unwrap();
    for _ in 0..128 {
        client.send(QUERY).unwrap();
    }
    // Each answer is followed by another query, so that there are always more than a batch takes.
    let seen = move |_: &[u8], _: &_| assert!(client.send(QUERY).is_ok());
    let worker = Worker::spawn(socket, control.handle.shared(), Arc::<Tally>::default(), seen);
    let worker = worker.unwrap();
    worker.stop();
    let (ended, is_ended) = mpsc::channel();
    std::thread::spawn(move || {
        worker.join();
        ended.send(())
    });
    is_ended.recv_timeout(Duration::from_secs(30)).expect("the worker ends");
}

#[tokio::test]
async fn a_server_ends_though_a_client_never_ends_its_request() {
    let files = tempfile::tempdir().unwrap();
    let mut server = Server::start(&files);
    let socket = server.socket().await;

    let mut client = UnixStream::connect(&socket).unwrap();
    client.write_all(b"GET /v1/status HTTP/1.1\r\n").unwrap();
    // Whoever came later is answered: the server waits for the rest of the earlier request.
    let mut later = UnixStream::connect(&socket).unwrap();
    later.write_all(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    later.read_exact(&mut [0; 8]).unwrap();

    server.signal(Signal::SIGTERM);
    until("the server ends", || server.process.try_wait().unwrap().is_some()).await;
    assert!(server.process.wait().unwrap().success());
    assert!(!socket.exists());
}

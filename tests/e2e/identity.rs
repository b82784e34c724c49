//! What a server tells of itself, to those who ask.

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{DNSClass, RData};

use super::client::{Connection, framed, query};
use super::daemon::Daemon;
use super::host::Host;

const KEEPALIVE: u16 = 11;

#[test]
fn the_identity_is_the_host_s_name_until_a_reload_gives_another() {
    let host = Host::new();
    let daemon = host.start();
    let name = nix::unistd::gethostname().unwrap().into_string().unwrap();
    assert_eq!(chaos(&daemon, "id.server"), name);
    host.edit("meridian.toml", "workers = ", "identity = \"ns1.test\"\nworkers = ");
    host.meridian(&["reload"]).success();
    assert_eq!(chaos(&daemon, "id.server"), "ns1.test");
    assert_eq!(chaos(&daemon, "version.bind"), concat!("meridian ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_client_that_asks_is_told_how_long_a_connection_may_be_idle_since_the_last_reload() {
    let host = Host::new();
    let daemon = host.start();
    let mut connection = Connection::to(daemon.address());
    assert_eq!(timeout(&mut connection), 100);
    host.edit("meridian.toml", "workers = ", "tcp.idle = \"42s\"\nworkers = ");
    host.meridian(&["reload"]).success();
    assert_eq!(timeout(&mut connection), 420);
}

/// The text of class CH at `name`.
fn chaos(daemon: &Daemon, name: &str) -> String {
    let mut question = query(&format!("{name} TXT"));
    question.queries[0].set_query_class(DNSClass::CH);
    let response = exchange(&mut Connection::to(daemon.address()), &question);
    match &response.answers[..] {
        [record] => match &record.data {
            RData::TXT(txt) => txt.to_string(),
            data => panic!("{data}"),
        },
        answers => panic!("{answers:?}"),
    }
}

/// What TCP keepalive (RFC 7828) says, in units of 100 ms.
fn timeout(connection: &mut Connection) -> u16 {
    let mut question = query("text.app.example TXT");
    let options = question.edns.as_mut().unwrap().options_mut();
    options.insert(EdnsOption::Unknown(KEEPALIVE, vec![]));
    let response = exchange(connection, &question);
    match response.edns.unwrap().option(EdnsCode::from(KEEPALIVE)) {
        Some(EdnsOption::Unknown(_, value)) => u16::from_be_bytes(value[..].try_into().unwrap()),
        other => panic!("{other:?}"),
    }
}

fn exchange(connection: &mut Connection, question: &Message) -> Message {
    connection.send(&framed(question));
    connection.receive()
}

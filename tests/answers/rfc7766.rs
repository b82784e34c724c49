//! RFC 7766: queries over one TCP connection.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::server::{PER_CLIENT, Server, framed, read_message};
use super::{Ask, World, show};

fn server() -> Server {
    Server::start(World::of_zone("example", "www A 192.0.2.1\nmail A 192.0.2.2\n").snapshot())
}

#[test]
fn section_6_2_1_1_queries_that_come_at_once_are_all_answered() {
    let server = server();
    let mut stream = server.connect();
    let queries: Vec<u8> = (0..200)
        .flat_map(|id| framed(&Ask::new(&format!("www.example. A +id={id}")).message()))
        .collect();
    stream.write_all(&queries).unwrap();
    let mut ids: Vec<_> = (0..200)
        .map(|_| {
            let response = read_message(&mut stream);
            assert_eq!(show(&response), "NOERROR aa\nan www.example. 3600 A 192.0.2.1");
            u16::from_be_bytes([response[0], response[1]])
        })
        .collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..200));
}

#[test]
fn section_6_2_1_a_connection_serves_one_query_after_another() {
    let server = server();
    let mut stream = server.connect();
    for (name, address) in [("www", "192.0.2.1"), ("mail", "192.0.2.2"), ("www", "192.0.2.1")] {
        stream.write_all(&framed(&Ask::new(&format!("{name}.example. A")).message())).unwrap();
        let response = show(&read_message(&mut stream));
        assert_eq!(response, format!("NOERROR aa\nan {name}.example. 3600 A {address}"));
    }
}

#[test]
fn section_8_a_message_may_come_octet_by_octet() {
    let server = server();
    let mut stream = server.connect();
    for octet in framed(&Ask::new("www.example. A").message()) {
        stream.write_all(&[octet]).unwrap();
    }
    let response = show(&read_message(&mut stream));
    assert_eq!(response, "NOERROR aa\nan www.example. 3600 A 192.0.2.1");
}

#[test]
fn what_is_no_query_is_passed_over_and_the_connection_stays() {
    let server = server();
    let mut stream = server.connect();
    let mut response = Ask::new("www.example. A +id=1").message();
    response[2] |= 0x80;
    let query = Ask::new("www.example. A +id=2").message();
    let messages = [framed(&[]), framed(&[0; 11]), framed(&response), framed(&query)].concat();
    stream.write_all(&messages).unwrap();
    assert_eq!(read_message(&mut stream)[..2], [0, 2]);
}

#[test]
fn a_query_as_long_as_a_message_can_be_is_read_whole() {
    let server = server();
    let mut stream = server.connect();
    let mut long = Ask::new("www.example. A +id=1").message();
    long.resize(65_535, 0);
    stream.write_all(&framed(&long)).unwrap();
    stream.write_all(&framed(&Ask::new("mail.example. A +id=2").message())).unwrap();
    assert_eq!(read_message(&mut stream)[..2], [0, 1]);
    assert_eq!(read_message(&mut stream)[..2], [0, 2]);
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answers() {
    let server = server();
    let mut stream = server.connect();
    for id in 0..20 {
        stream
            .write_all(&framed(&Ask::new(&format!("www.example. A +id={id}")).message()))
            .unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    for id in 0..20 {
        assert_eq!(read_message(&mut stream)[..2], [0, id]);
    }
    let mut rest = vec![];
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn section_6_2_2_a_connection_too_many_takes_the_place_of_the_one_idle_the_longest() {
    let server = server();
    let query = framed(&Ask::new("www.example. A").message());
    let serves = |stream: &mut std::net::TcpStream| {
        let sent = stream.write_all(&query);
        sent.is_ok() && matches!(stream.read(&mut [0; 512]), Ok(1..))
    };
    let mut open: Vec<_> = (0..PER_CLIENT).map(|_| server.connect()).collect();
    assert!(open.iter_mut().all(serves));
    // The first is not the one idle the longest any more.
    assert!(serves(&mut open[0]));
    assert!(serves(&mut server.connect()));
    let served: Vec<_> = open.iter_mut().map(serves).collect();
    let (kept, lost): (Vec<_>, Vec<_>) = (0..PER_CLIENT).partition(|&at| served[at]);
    assert_eq!((kept.len(), lost), (PER_CLIENT - 1, vec![1]));
}

#[test]
fn section_8_two_messages_may_be_cut_anywhere() {
    let server = server();
    let mut stream = server.connect();
    let both = [
        framed(&Ask::new("www.example. A +id=1").message()),
        framed(&Ask::new("mail.example. A +id=2").message()),
    ]
    .concat();
    for at in 0..=both.len() {
        stream.write_all(&both[..at]).unwrap();
        stream.write_all(&both[at..]).unwrap();
        assert_eq!(read_message(&mut stream)[..2], [0, 1], "cut at {at}");
        assert_eq!(read_message(&mut stream)[..2], [0, 2], "cut at {at}");
    }
}

#[test]
fn section_7_answers_come_in_the_order_of_their_queries() {
    let server = server();
    let mut stream = server.connect();
    // Those that need least work do not overtake.
    let names = ["www.example. A", "none.example. A", "www.example. ANY", "elsewhere.test. A"];
    let queries = (0..100u8).flat_map(|id| {
        let name = names[usize::from(id) % names.len()];
        framed(&Ask::new(&format!("{name} +id={id}")).message())
    });
    stream.write_all(&queries.collect::<Vec<_>>()).unwrap();
    for id in 0..100u8 {
        assert_eq!(read_message(&mut stream)[..2], [0, id]);
    }
}

#[test]
fn a_length_that_promises_more_than_comes_harms_nobody() {
    let server = server();
    let mut half = server.connect();
    half.write_all(&[0xff, 0xff]).unwrap();
    half.write_all(&[0x55; 3000]).unwrap();
    let query = Ask::new("www.example. A").message();
    assert_eq!(show(&server.tcp(&query)), "NOERROR aa\nan www.example. 3600 A 192.0.2.1");
    half.shutdown(Shutdown::Write).unwrap();
    assert_eq!(half.read(&mut [0; 1]).unwrap(), 0);
}

//! A client of the DNS, and how it puts what it is told.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::str::FromStr;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_proto::rr::{Name, RecordType};
use socket2::{Domain, Socket, Type};

use super::daemon::PATIENCE;

/// A client over UDP. Its socket is connected: it hears nobody but the address that it asked.
#[derive(Debug)]
pub struct Client {
    socket: UdpSocket,
}

/// A client over one TCP connection.
#[derive(Debug)]
pub struct Connection {
    pub stream: TcpStream,
}

impl Client {
    pub fn of(server: SocketAddr) -> Self {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => ([0; 4], 0).into(),
            SocketAddr::V6(_) => ([0; 16], 0).into(),
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(server).unwrap();
        Self { socket }
    }

    /// Asks once, and waits for the response.
    #[track_caller]
    pub fn ask(&self, question: &str) -> Message {
        let query = query(question);
        self.socket.send(&query.to_vec().unwrap()).unwrap();
        let mut response = [0; 4096];
        let len = self.socket.recv(&mut response).unwrap();
        let response = Message::from_vec(&response[..len]).unwrap();
        assert_eq!(response.metadata.id, query.metadata.id);
        response
    }
}

impl Connection {
    pub fn to(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// From this address of the loopback network, as another client.
    pub fn from(client: [u8; 4], server: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((client, 0)).into()).unwrap();
        socket.connect(&server.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next response.
    #[track_caller]
    pub fn receive(&mut self) -> Message {
        let mut len = [0; 2];
        self.stream.read_exact(&mut len).unwrap();
        let mut response = vec![0; usize::from(u16::from_be_bytes(len))];
        self.stream.read_exact(&mut response).unwrap();
        Message::from_vec(&response).unwrap()
    }

    #[track_caller]
    pub fn ask(&mut self, question: &str) -> Message {
        self.send(&framed(&query(question)));
        self.receive()
    }

    /// Whether the server closes the connection without another word. One that stays open and silent
    /// is a failure.
    #[track_caller]
    pub fn is_closed(&mut self) -> bool {
        match self.stream.read(&mut [0]) {
            Ok(len) => len == 0,
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it stays open"),
            // Closing over bytes that were not read is a reset.
            Err(_) => true,
        }
    }
}

/// A query with an ID of its own for a question such as `www.app.example AAAA from 1.0.0.0/24`.
pub fn query(question: &str) -> Message {
    let mut message = Message::query();
    let (question, subnet) = match question.split_once(" from ") {
        Some((question, subnet)) => (question, Some(subnet)),
        None => (question, None),
    };
    let (name, rtype) = question.split_once(' ').unwrap();
    let name = Name::from_ascii(format!("{name}.")).unwrap();
    message.add_query(Query::query(name, RecordType::from_str(rtype).unwrap()));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    if let Some(subnet) = subnet {
        let subnet = EdnsOption::Subnet(ClientSubnet::from_str(subnet).unwrap());
        edns.options_mut().insert(subnet);
    }
    message.set_edns(edns);
    message
}

/// With its length before it, as TCP wants.
pub fn framed(message: &Message) -> Vec<u8> {
    let bytes = message.to_vec().unwrap();
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat()
}

/// The data of the answer section in ascending order; without any, why.
pub fn answer(response: &Message) -> String {
    let mut data: Vec<_> = response.answers.iter().map(|record| record.data.to_string()).collect();
    data.sort();
    match (response.metadata.response_code, &data[..]) {
        (ResponseCode::NoError, []) => "NODATA".into(),
        (ResponseCode::NoError, data) => data.join(" "),
        (code, _) => format!("{code:?}").to_uppercase(),
    }
}

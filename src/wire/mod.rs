//! The DNS message format (RFC 1035 section 4): names, types, the query parser and the bounded
//! writer. It knows bytes, never zones.

pub mod cookie;
pub mod edns;
pub mod extended_error;
pub mod name;
pub mod qname;
pub mod query;
pub mod record;
pub mod rr;
pub mod tsig;
pub mod writer;

pub use cookie::{Cookie, Proof, Secret, Secrets, ServedCookie};
pub use edns::{ClientSubnet, Edns};
pub use extended_error::{ExtendedError, InfoCode};
pub use name::{Name, NameError};
pub use qname::Qname;
pub use query::{HEADER, Head, Query, Unanswerable};
pub use record::Record;
pub use rr::{CLASS_CH, CLASS_IN, Rcode, RecordType};
pub use tsig::Tsig;
pub use writer::{Full, OptRecord, Section, Writer};

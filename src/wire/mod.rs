//! The DNS message format (RFC 1035 section 4): names, types, the query parser and the bounded
//! writer. It knows bytes, never zones.

pub mod name;
pub mod rr;

pub use name::{Name, NameError};
pub use rr::{Rcode, RecordType};

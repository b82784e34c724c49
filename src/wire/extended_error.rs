//! Extended DNS Errors (RFC 8914): why a response is as it is, for whoever reads it.

/// An option of a response; a resolver does the same without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    /// INFO-CODE.
    pub code: InfoCode,
    /// EXTRA-TEXT; may be empty.
    pub text: &'static str,
}

/// The codes that Meridian sends (RFC 8914 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum InfoCode {
    /// What no other code says; the text does.
    Other = 0,
    /// The name is in no zone of this server.
    NotAuthoritative = 20,
    /// The operation or query is not supported.
    NotSupported = 21,
    /// The zone is this server's, but its data can't be used.
    InvalidData = 24,
}

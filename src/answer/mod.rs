//! From a query to its answer: the immutable snapshot, the one pure function behind every
//! transport, and the explanation of what it decided. It knows no socket, file or clock.

mod chaos;
pub mod decision;
pub mod explain;
mod hints;
pub mod limit;
mod queries;
pub mod respond;
pub mod simulation;
pub mod snapshot;
mod steer;
mod window;

pub use chaos::{Chaos, ChaosName};
pub use decision::{Decision, decide};
pub use explain::{Explanation, Question, QuestionError, explain};
pub use limit::{Limiter, RateLimit, Verdict};
pub use queries::Queries;
pub use respond::{Answer, Kind, Request, Transport, answer, shorten};
pub use snapshot::{Answering, AnyAnswer, EcsTrust, Generation, Snapshot, Zones};

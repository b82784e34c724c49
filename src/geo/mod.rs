//! Where clients are: coordinates and distance, country points, and the compiled look-ups from an
//! address to what the databases say of it. It knows nothing of health or of DNS.

pub mod country;
pub mod point;

pub use country::{Continent, Country};
pub use point::Point;

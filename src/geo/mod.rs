//! Where clients are: coordinates and distance, country points, and the compiled look-ups from an
//! address to what the databases say of it. It knows nothing of health or of DNS.

pub mod address;
pub mod asn;
pub mod country;
pub mod database;
pub mod demand;
pub(crate) mod mixer;
pub mod overlap;
mod patch;
pub mod places;
pub mod point;
mod ranges;
mod record;
mod runs;
pub mod slot;
pub mod subdivision;
mod tree;
pub mod view;

pub use address::{Canonical, holds_routable, is_routable};
pub use asn::Asn;
pub use country::{Continent, Country};
pub use database::{Database, DatabaseError, DatabaseInfo};
pub use demand::{Clients, Demand};
pub use overlap::{Overlap, overlaps};
pub use places::{Found, Place, PlaceId, Places, PointSource};
pub use point::{Direction, Point};
pub use slot::{Salt, Slot};
pub use subdivision::Subdivision;
pub use view::{Located, PreferenceId, View};

//! A point on the globe and the great-circle distance between two.

/// A place by its coordinates, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    latitude: f64,
    longitude: f64,
}

/// The mean radius of the Earth (IUGG), in kilometres.
const EARTH_RADIUS_KM: f64 = 6371.0088;

impl Point {
    /// The point, if `latitude` is in -90..=90 and `longitude` in -180..=180 degrees.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let valid = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        valid.then_some(Self { latitude, longitude })
    }

    /// Degrees north of the equator.
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich.
    pub fn longitude(self) -> f64 {
        self.longitude
    }

    /// The great-circle distance in kilometres, by the haversine formula.
    pub fn distance_km(self, other: Self) -> f64 {
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half_lat = (to - from) / 2.0;
        let half_lon = (other.longitude - self.longitude).to_radians() / 2.0;
        let chord = half_lat.sin().powi(2) + from.cos() * to.cos() * half_lon.sin().powi(2);
        2.0 * EARTH_RADIUS_KM * chord.sqrt().min(1.0).asin()
    }
}

/// A point as the unit vector from the centre of the Earth: what many distances are compared by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Direction([f64; 3]);

impl Direction {
    /// The direction of `point`.
    pub fn of(point: Point) -> Self {
        let (latitude, longitude) = (point.latitude.to_radians(), point.longitude.to_radians());
        let (sin, cos) = latitude.sin_cos();
        let (east, front) = longitude.sin_cos();
        Self([cos * front, cos * east, sin])
    }

    /// The square of the chord to `other`, from 0 to 4: it grows as the distance does, and costs less.
    #[inline]
    pub fn chord_squared(self, other: Self) -> f64 {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        let (a, b, c) = (a - x, b - y, c - z);
        a * a + b * b + c * c
    }
}

/// The angle in radians at the centre of the Earth between points whose squared chord this is.
#[inline]
pub fn angle(chord_squared: f64) -> f64 {
    2.0 * (chord_squared.sqrt() / 2.0).min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_agree_with_the_atlas() {
        let mumbai = Point::new(19.08, 72.88).unwrap();
        let singapore = Point::new(1.35, 103.82).unwrap();
        assert!((mumbai.distance_km(singapore) - 3905.0).abs() < 20.0);
        assert_eq!(mumbai.distance_km(mumbai), 0.0);
        let (north, south) = (Point::new(90.0, 0.0).unwrap(), Point::new(-90.0, 0.0).unwrap());
        assert!((north.distance_km(south) - 20015.0).abs() < 1.0);
    }

    #[test]
    fn the_angle_between_directions_is_the_distance() {
        let point = |(latitude, longitude)| Point::new(latitude, longitude).unwrap();
        let points = [(19.08, 72.88), (1.35, 103.82), (-90.0, 0.0), (53.35, -6.26), (0.0, 180.0)];
        for from in points.map(point) {
            for to in points.map(point) {
                let chord = Direction::of(from).chord_squared(Direction::of(to));
                let distance = EARTH_RADIUS_KM * angle(chord);
                assert!((distance - from.distance_km(to)).abs() < 1e-3, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn only_points_on_the_globe_exist() {
        assert!(Point::new(90.1, 0.0).is_none());
        assert!(Point::new(0.0, -180.1).is_none());
        assert!(Point::new(f64::NAN, 0.0).is_none());
    }
}

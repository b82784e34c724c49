//! Where AWS Regions are.
//!
//! AWS names the city, state or country of each ("AWS Regions" in its global infrastructure
//! guide) and publishes no coordinates. These are that city's, or for a state or country that of
//! the city with most of the data centres, from GeoNames, to a tenth of a degree.

use super::super::draft::Az;

/// The az of the region `name`.
pub(super) fn az(name: &str) -> Option<Az> {
    let (_, latitude, longitude, country) = REGIONS.iter().find(|region| region.0 == name)?;
    Some(Az { location: Some((*latitude, *longitude)), country: Some(country), bias: None })
}

const REGIONS: [(&str, f64, f64, &str); 36] = [
    ("af-south-1", -33.9, 18.4, "ZA"),      // Cape Town
    ("ap-east-1", 22.3, 114.2, "HK"),       // Hong Kong
    ("ap-east-2", 25.0, 121.5, "TW"),       // Taipei
    ("ap-northeast-1", 35.7, 139.7, "JP"),  // Tokyo
    ("ap-northeast-2", 37.6, 127.0, "KR"),  // Seoul
    ("ap-northeast-3", 34.7, 135.5, "JP"),  // Osaka
    ("ap-south-1", 19.1, 72.9, "IN"),       // Mumbai
    ("ap-south-2", 17.4, 78.5, "IN"),       // Hyderabad
    ("ap-southeast-1", 1.3, 103.9, "SG"),   // Singapore
    ("ap-southeast-2", -33.9, 151.2, "AU"), // Sydney
    ("ap-southeast-3", -6.2, 106.8, "ID"),  // Jakarta
    ("ap-southeast-4", -37.8, 145.0, "AU"), // Melbourne
    ("ap-southeast-5", 3.1, 101.7, "MY"),   // Malaysia: Kuala Lumpur
    ("ap-southeast-6", -36.8, 174.8, "NZ"), // New Zealand: Auckland
    ("ap-southeast-7", 13.8, 100.5, "TH"),  // Thailand: Bangkok
    ("ca-central-1", 45.5, -73.6, "CA"),    // Central: Montreal
    ("ca-west-1", 51.1, -114.1, "CA"),      // Calgary
    ("cn-north-1", 39.9, 116.4, "CN"),      // Beijing
    ("cn-northwest-1", 38.5, 106.3, "CN"),  // Ningxia: Yinchuan
    ("eu-central-1", 50.1, 8.7, "DE"),      // Frankfurt
    ("eu-central-2", 47.4, 8.5, "CH"),      // Zurich
    ("eu-north-1", 59.3, 18.1, "SE"),       // Stockholm
    ("eu-south-1", 45.5, 9.2, "IT"),        // Milan
    ("eu-south-2", 41.7, -0.9, "ES"),       // Spain: Zaragoza
    ("eu-west-1", 53.3, -6.2, "IE"),        // Ireland: Dublin
    ("eu-west-2", 51.5, -0.1, "GB"),        // London
    ("eu-west-3", 48.9, 2.3, "FR"),         // Paris
    ("il-central-1", 32.1, 34.8, "IL"),     // Tel Aviv
    ("me-central-1", 25.1, 55.2, "AE"),     // UAE: Dubai
    ("me-south-1", 26.2, 50.6, "BH"),       // Bahrain: Manama
    ("mx-central-1", 20.6, -100.4, "MX"),   // Central: Querétaro
    ("sa-east-1", -23.5, -46.6, "BR"),      // São Paulo
    ("us-east-1", 39.0, -77.5, "US"),       // N. Virginia: Ashburn
    ("us-east-2", 40.0, -83.0, "US"),       // Ohio: Columbus
    ("us-west-1", 37.8, -122.4, "US"),      // N. California: San Francisco
    ("us-west-2", 45.8, -119.7, "US"),      // Oregon: Boardman
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::{Country, Point};

    #[test]
    fn every_region_is_on_land_of_its_country_as_far_as_a_point_can_tell() {
        for (name, latitude, longitude, code) in REGIONS {
            let country = Country::from_code(code).and_then(Country::point).unwrap();
            let region = Point::new(latitude, longitude).unwrap();
            let distance = country.distance_km(region);
            // The farthest within one country here is from the middle of the USA to a coast.
            assert!(distance < 3600.0, "{name} is {distance:.0} km from {code}");
        }
    }
}

//! Record sets as `aws route53 list-resource-record-sets` prints them, and their data as a master
//! file has it.

use serde::Deserialize;

/// What the command prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RecordSets {
    pub(super) resource_record_sets: Vec<RecordSet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RecordSet {
    pub(super) name: String,
    #[serde(rename = "Type")]
    pub(super) rtype: String,
    #[serde(rename = "TTL")]
    pub(super) ttl: Option<u32>,
    #[serde(default)]
    pub(super) resource_records: Vec<Value>,
    pub(super) set_identifier: Option<String>,
    pub(super) weight: Option<u32>,
    pub(super) region: Option<String>,
    pub(super) failover: Option<String>,
    pub(super) multi_value_answer: Option<bool>,
    pub(super) geo_location: Option<GeoLocation>,
    pub(super) geo_proximity_location: Option<GeoProximity>,
    pub(super) cidr_routing_config: Option<CidrRouting>,
    pub(super) health_check_id: Option<String>,
    pub(super) alias_target: Option<AliasTarget>,
    pub(super) traffic_policy_instance_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Value {
    pub(super) value: String,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GeoLocation {
    pub(super) continent_code: Option<String>,
    pub(super) country_code: Option<String>,
    pub(super) subdivision_code: Option<String>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GeoProximity {
    #[serde(rename = "AWSRegion")]
    pub(super) region: Option<String>,
    pub(super) local_zone_group: Option<String>,
    pub(super) coordinates: Option<Coordinates>,
    #[serde(default)]
    pub(super) bias: i32,
}

/// Numbers as texts.
#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Coordinates {
    pub(super) latitude: String,
    pub(super) longitude: String,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CidrRouting {
    pub(super) location_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasTarget {
    #[serde(rename = "DNSName")]
    pub(super) name: String,
}

impl RecordSet {
    /// Name, type and set identifier, as notes name it.
    pub(super) fn place(&self) -> String {
        let name = absolute(&self.name);
        match &self.set_identifier {
            None => format!("{name} {}", self.rtype),
            Some(identifier) => format!("{name} {} \"{identifier}\"", self.rtype),
        }
    }

    /// The data of its records.
    pub(super) fn data(&self) -> impl Iterator<Item = String> {
        self.resource_records.iter().map(|Value { value }| data(&self.rtype, value))
    }
}

/// A name in lower case with a final dot, its octal escapes as a master file has them.
pub(super) fn absolute(name: &str) -> String {
    let mut name = unescaped(name.trim()).to_ascii_lowercase();
    if !name.ends_with('.') {
        name.push('.');
    }
    name
}

/// Route 53 takes every name as absolute, a master file only one with a final dot.
fn data(rtype: &str, value: &str) -> String {
    let named = match rtype {
        "CNAME" | "NS" | "PTR" => 0..1,
        "SOA" => 0..2,
        "MX" | "HTTPS" | "SVCB" => 1..2,
        "SRV" => 3..4,
        "NAPTR" => 5..6,
        _ => return unescaped(value),
    };
    let words = value.split_whitespace().enumerate();
    let words = words.map(|(at, word)| match named.contains(&at) {
        true => absolute(word),
        false => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `\052` is an asterisk to Route 53, which counts in octal; master files count in decimal.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out += before;
        let digits = after.get(..3).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let octal = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) if byte.is_ascii_alphanumeric() || b"*-_ /".contains(&byte) => {
                out.push(char::from(byte));
                rest = &after[3..];
            }
            Some(byte) => {
                out += &format!("\\{byte:03}");
                rest = &after[3..];
            }
            None => {
                let length = after.chars().next().map_or(0, char::len_utf8);
                out.push('\\');
                out += &after[..length];
                rest = &after[length..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_escapes_become_characters_or_decimal_ones() {
        assert_eq!(absolute("\\052.Example.com."), "*.example.com.");
        assert_eq!(absolute("a\\100b.example.com"), "a\\064b.example.com.");
        assert_eq!(data("TXT", "\"a\\042b\" \"c\\\"d\""), "\"a\\034b\" \"c\\\"d\"");
    }

    #[test]
    fn names_in_data_are_absolute() {
        assert_eq!(data("MX", "10 mail.example.com"), "10 mail.example.com.");
        assert_eq!(data("SRV", "1 2 443 a.example.com."), "1 2 443 a.example.com.");
        assert_eq!(
            data("NAPTR", "1 2 \"U\" \"S\" \"\" a.example"),
            "1 2 \"U\" \"S\" \"\" a.example."
        );
        assert_eq!(data("CAA", "0 issue \"ca.example\""), "0 issue \"ca.example\"");
    }
}

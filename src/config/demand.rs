//! A demand file: how many ask from where, or of which az, a line each.
//!
//! ```text
//! # queries per second, Monday noon
//! 49.36.0.0/14,1200
//! 2001:db8:1::7,3.5
//! country:DE,800
//! az:mumbai,2400
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;

use ipnet::IpNet;

use super::content::{Content, Contents};
use super::load::unreadable;
use super::policy::suggest;
use super::server::AzEntry;
use super::{Code, country};
use crate::diag::Diagnostic;
use crate::geo::{Clients, Demand};
use crate::route::Topology;
use crate::span::{FileId, Span};

/// What a demand file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DemandFile {
    /// The demand of networks and countries, in the order of the file. Entries add up.
    pub clients: Vec<(Clients, f64)>,
    /// The demand that azs have of their own, with where each is named; no az twice.
    pub azs: Vec<(String, f64, Span)>,
}

/// Reads a demand file. With an error among the faults it must not be used.
pub fn demand(text: &[u8], file: FileId) -> (DemandFile, Vec<Diagnostic>) {
    let (mut demand, mut faults) = (DemandFile::default(), vec![]);
    let mut start = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    for line in text[start..].split_inclusive(|&octet| octet == b'\n') {
        let len = line.iter().position(|&octet| octet == b'#').unwrap_or(line.len());
        let said = Part { text, file, range: start..start + len }.trimmed();
        start += line.len();
        if !said.range.is_empty() {
            faults.extend(entry(&said, &mut demand).err().map(|fault| *fault));
        }
        if faults.len() == MAX_FAULTS {
            break;
        }
    }
    (demand, faults)
}

/// Reads the demand file at `path`, which is named at `span`. Of an az that is none of `azs` nothing can be
/// said.
pub(super) fn read_demand(
    path: &Path,
    span: Span,
    azs: &BTreeMap<String, AzEntry>,
    contents: &mut Contents,
) -> (DemandFile, Vec<Diagnostic>) {
    let Content { id, text, .. } = match contents.read(path) {
        Ok(content) => content,
        Err(error) => {
            let fault = Code::Unreadable.at(span, unreadable(path, &error));
            return (
                DemandFile::default(),
                vec![fault.remedy("check the path and who may read it")],
            );
        }
    };
    let (demand, mut faults) = demand(&text, id);
    let unknown = demand.azs.iter().filter(|(az, ..)| !azs.contains_key(az));
    faults.extend(unknown.map(|(az, _, span)| {
        let fault = Code::BadDemand.at(*span, format!("no az `{az}` in meridian.toml"));
        let tables = azs.iter().map(|(name, az)| (name.as_str(), az.span)).collect();
        suggest(fault.label("unknown az"), az, &tables, format!("add a table `[az.{az}]`"))
    }));
    (demand, faults)
}

impl DemandFile {
    /// Where clients are; alike everywhere, if nothing is said of that.
    pub(super) fn of_clients(&self) -> Demand {
        match &self.clients[..] {
            [] => Demand::Uniform,
            clients => Demand::Recorded(clients.to_vec()),
        }
    }

    /// Adds what it says of loads to a topology.
    pub(super) fn complete(&self, topology: &mut Topology) {
        let stated = self.azs.iter().filter_map(|(name, load, _)| {
            Some((topology.azs.position(|az| az.name == *name)?, *load))
        });
        topology.capacities.stated = stated.collect();
        topology.capacities.clients =
            (!self.clients.is_empty()).then(|| self.clients.iter().map(|(_, number)| number).sum());
    }
}

/// A part of a line.
struct Part<'t> {
    text: &'t [u8],
    file: FileId,
    range: Range<usize>,
}

impl<'t> Part<'t> {
    fn bytes(&self) -> &'t [u8] {
        &self.text[self.range.clone()]
    }

    fn part(&self, range: Range<usize>) -> Self {
        Self { range, ..*self }.trimmed()
    }

    fn trimmed(self) -> Self {
        let bytes = self.bytes();
        let start = self.range.start + (bytes.len() - bytes.trim_ascii_start().len());
        let end = start + bytes.trim_ascii().len();
        Self { range: start..end, ..self }
    }

    fn span(&self) -> Span {
        Span::new(self.file, self.range.start, self.range.end)
    }

    fn fault(&self, what: &str, label: &str) -> Box<Diagnostic> {
        let text = String::from_utf8_lossy(self.bytes());
        let message = format!("`{text}` is {what}");
        Box::new(Code::BadDemand.at(self.span(), message).label(label).remedy(REMEDY))
    }
}

/// Takes in one line that is not empty.
fn entry(line: &Part<'_>, demand: &mut DemandFile) -> Result<(), Box<Diagnostic>> {
    let Range { start, end } = line.range;
    let Some(comma) = line.bytes().iter().rposition(|&octet| octet == b',') else {
        return Err(line.fault("no demand", "no comma and number"));
    };
    let (who, number) = (line.part(start..start + comma), line.part(start + comma + 1..end));
    let value = str::from_utf8(number.bytes()).ok().and_then(amount);
    let value = value.ok_or_else(|| number.fault("no number", "not 0 or more"))?;
    let text = str::from_utf8(who.bytes()).unwrap_or_default();
    if let Some(az) = text.strip_prefix("az:") {
        if demand.azs.iter().any(|(known, ..)| known == az) {
            return Err(who.fault("there already", "named twice"));
        }
        demand.azs.push((az.to_owned(), value, who.span()));
        return Ok(());
    }
    let clients = match text.strip_prefix("country:") {
        Some(code) => Clients::Country(country::assigned(code).ok_or_else(|| {
            Box::new(who.fault("no country", "not assigned").remedy(country::remedy(code)))
        })?),
        None => Clients::Network(network(&who, text)?),
    };
    demand.clients.push((clients, value));
    Ok(())
}

fn network(who: &Part<'_>, text: &str) -> Result<IpNet, Box<Diagnostic>> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.into());
    }
    match text.parse::<IpNet>() {
        Ok(network) if network == network.trunc() => Ok(network),
        Ok(network) => {
            let fault = who.fault("no network", "has bits set behind its prefix");
            Err(Box::new(fault.remedy(format!("write {}", network.trunc()))))
        }
        Err(_) => Err(who.fault("neither a network nor an address", "not understood")),
    }
}

/// A decimal number of 0 or more.
fn amount(text: &str) -> Option<f64> {
    let is_decimal = text.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    text.parse().ok().filter(|number: &f64| is_decimal && number.is_finite())
}

const REMEDY: &str =
    "write a network, an address, `country:IN` or `az:mumbai`, a comma and a number";

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// More are not told: a file may be another than was meant.
const MAX_FAULTS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Sources, one_line};
    use crate::geo::Country;

    /// What the text says, or its faults.
    fn read(text: &str) -> Result<DemandFile, Vec<String>> {
        let mut sources = Sources::new();
        let file = sources.add("demand.csv", text.as_bytes());
        let (demand, faults) = demand(text.as_bytes(), file);
        let faults: Vec<_> = faults.iter().map(|fault| one_line(fault, &sources)).collect();
        if faults.is_empty() { Ok(demand) } else { Err(faults) }
    }

    #[test]
    fn networks_addresses_countries_and_azs_have_numbers() {
        let text = "\u{feff}# noon\r\n\n49.36.0.0/14, 1200 # Jio\n2001:db8::7,3.5\ncountry:de,0\naz:mumbai,7";
        let read = read(text).unwrap();
        let network = |text: &str| Clients::Network(text.parse().unwrap());
        let germany = Clients::Country(Country::from_code("DE").unwrap());
        let clients =
            [(network("49.36.0.0/14"), 1200.0), (network("2001:db8::7/128"), 3.5), (germany, 0.0)];
        assert_eq!(read.clients, clients);
        let [(az, number, _)] = &read.azs[..] else { panic!("{read:?}") };
        assert_eq!((az.as_str(), *number), ("mumbai", 7.0));
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_column() {
        let text = "1.0.0.0/24\n 1.0.0.1/24,1\ncountry:UK,1\naz:a,1\naz:a,2\n1.0.0.0/8,-1\nx,1\n1.0.0.1,nan";
        let expected = [
            "1:1: error[demand/bad-line]: `1.0.0.0/24` is no demand",
            "2:2: error[demand/bad-line]: `1.0.0.1/24` is no network",
            "3:1: error[demand/bad-line]: `country:UK` is no country",
            "5:1: error[demand/bad-line]: `az:a` is there already",
            "6:11: error[demand/bad-line]: `-1` is no number",
            "7:1: error[demand/bad-line]: `x` is neither a network nor an address",
            "8:9: error[demand/bad-line]: `nan` is no number",
        ];
        assert_eq!(read(text).unwrap_err(), expected.map(|line| format!("demand.csv:{line}")));
    }
}

//! The OPT record of a response, octet for octet.

use super::Ask;
use super::world::World;

/// Its options, in order.
pub(crate) fn options(response: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut rest = rdata(response).expect("a response with OPT");
    let mut options = vec![];
    while let Some((&[c1, c0, l1, l0], tail)) = rest.split_first_chunk::<4>() {
        let (value, tail) = tail.split_at(usize::from(u16::from_be_bytes([l1, l0])));
        options.push((u16::from_be_bytes([c1, c0]), value.to_vec()));
        rest = tail;
    }
    assert!(rest.is_empty(), "an option that is cut short: {rest:?}");
    options
}

/// The values of its options with this code.
pub(crate) fn values(response: &[u8], code: u16) -> Vec<Vec<u8>> {
    let options = options(response).into_iter();
    options.filter(|(of, _)| *of == code).map(|(_, value)| value).collect()
}

/// An option of a query.
pub(crate) fn option(code: u16, value: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), &(value.len() as u16).to_be_bytes(), value].concat()
}

/// The response to a question that has `options` besides.
pub(crate) fn ask(world: &World, question: &str, options: &[u8]) -> Vec<u8> {
    Ask { options: options.to_vec(), ..Ask::new(question) }.of(&world.snapshot()).1
}

/// The data of the OPT record, which Meridian puts last.
fn rdata(response: &[u8]) -> Option<&[u8]> {
    let mut rest = response.get(12..)?;
    let count = |at: usize| u16::from_be_bytes([response[at], response[at + 1]]);
    for _ in 0..count(4) {
        skip_name(&mut rest)?;
        rest = rest.get(4..)?;
    }
    let records = count(6) + count(8) + count(10);
    for _ in 1..records {
        skip_name(&mut rest)?;
        let len = usize::from(u16::from_be_bytes([*rest.get(8)?, *rest.get(9)?]));
        rest = rest.get(10 + len..)?;
    }
    let (fixed, rdata) = rest.split_first_chunk::<11>()?;
    let is_whole = usize::from(u16::from_be_bytes([fixed[9], fixed[10]])) == rdata.len();
    (fixed[..3] == [0, 0, 41] && is_whole).then_some(rdata)
}

fn skip_name(rest: &mut &[u8]) -> Option<()> {
    loop {
        let len = *rest.first()?;
        *rest = rest.get(if len >= 0xc0 { 2 } else { 1 + usize::from(len) }..)?;
        if len == 0 || len >= 0xc0 {
            return Some(());
        }
    }
}

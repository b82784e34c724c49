//! The data of HIP records (RFC 8005 section 5), whose wire form has the lengths of tag and key
//! before both, from text and in wire form.

use crate::span::Span;
use crate::wire::name;

use super::field;
use super::rdata::{Context, Problem};
use super::scan::Word;

/// Appends what `words` spell: `algorithm tag key [server…]`.
pub(super) fn parse(
    words: &[Word],
    context: &Context<'_>,
    rdata: &mut Vec<u8>,
) -> Result<(), (Span, Problem)> {
    let [algorithm, tag, key, servers @ ..] = words else {
        let whole = words[0].span.to(words[words.len() - 1].span);
        return Err((whole, Problem::Expected("an algorithm, a tag in hex and a key in base64")));
    };
    let at = |word: &Word| {
        let span = word.span;
        move |problem| (span, problem)
    };
    let start = rdata.len();
    let number = field::number((context.text)(*algorithm), u32::from(u8::MAX));
    let number = number.map_err(at(algorithm))? as u8;
    rdata.extend_from_slice(&[0, number, 0, 0]);
    rdata.extend_from_slice((context.text)(*tag));
    field::decode_hex(start + LENGTHS, rdata).map_err(at(tag))?;
    let tag_len = match u8::try_from(rdata.len() - start - LENGTHS) {
        Ok(len @ 1..) => len,
        _ => return Err(at(tag)(Problem::Expected("a tag of 1 to 255 octets"))),
    };
    let key_start = rdata.len();
    field::decode_base64((context.text)(*key), rdata).map_err(at(key))?;
    let key_len = match u16::try_from(rdata.len() - key_start) {
        Ok(len @ 1..) => len,
        _ => return Err(at(key)(Problem::Expected("a key of 1 to 65535 octets"))),
    };
    rdata[start] = tag_len;
    rdata[start + 2..start + LENGTHS].copy_from_slice(&key_len.to_be_bytes());
    for server in servers {
        name::write_text((context.text)(*server), context.origin, rdata)
            .map_err(|error| (server.span, Problem::Name(error)))?;
    }
    Ok(())
}

/// Checks the wire form.
pub(super) fn check(wire: &[u8]) -> Result<(), Problem> {
    let (&[tag, _, high, low], rest) = wire.split_first_chunk::<LENGTHS>().ok_or(Problem::Short)?;
    let key = u16::from_be_bytes([high, low]);
    if tag == 0 || key == 0 {
        return Err(Problem::Expected("a tag and a key that are not empty"));
    }
    let octets = usize::from(tag) + usize::from(key);
    let mut servers = rest.get(octets..).ok_or(Problem::Short)?;
    while !servers.is_empty() {
        servers = &servers[field::measure_name(servers)?..];
    }
    Ok(())
}

/// The octets before the tag: its length, the algorithm, the key's length.
const LENGTHS: usize = 4;

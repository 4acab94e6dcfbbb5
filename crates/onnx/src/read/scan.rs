//! A look over a file's bytes before they are decoded. A message of two bytes becomes a structure of hundreds, so that a small
//! file could take all memory: what there is of each is counted first.

use super::limits;
use crate::error::Refused;

/// The fields of a message that consist of bytes and are read.
struct Fields(&'static [(u64, What, Option<&'static Self>)]);

/// What a field is counted as.
#[derive(Clone, Copy)]
enum What {
    Message,
    Node,
    Attribute,
    Initializer,
    Piece,
}

const DIMENSION: Fields = Fields(&[]);
const SHAPE: Fields = Fields(&[(1, What::Piece, Some(&DIMENSION))]);
const TENSOR_TYPE: Fields = Fields(&[(2, What::Message, Some(&SHAPE))]);
const TYPE: Fields = Fields(&[(1, What::Message, Some(&TENSOR_TYPE))]);
const VALUE_INFO: Fields = Fields(&[(2, What::Message, Some(&TYPE))]);
const TENSOR: Fields = Fields(&[(6, What::Piece, None), (13, What::Piece, None)]);
const ATTRIBUTE: Fields = Fields(&[
    (5, What::Message, Some(&TENSOR)),
    (9, What::Piece, None),
    (11, What::Piece, None),
]);
const NODE: Fields = Fields(&[
    (1, What::Piece, None),
    (2, What::Piece, None),
    (5, What::Attribute, Some(&ATTRIBUTE)),
]);
const GRAPH: Fields = Fields(&[
    (1, What::Node, Some(&NODE)),
    (5, What::Initializer, Some(&TENSOR)),
    (11, What::Piece, Some(&VALUE_INFO)),
    (12, What::Piece, Some(&VALUE_INFO)),
    (15, What::Piece, None),
]);
const MODEL: Fields = Fields(&[
    (7, What::Message, Some(&GRAPH)),
    (8, What::Attribute, None),
    (14, What::Attribute, None),
    (25, What::Piece, None),
]);

#[derive(Default)]
struct Counts {
    nodes: usize,
    attributes: usize,
    initializers: usize,
    pieces: usize,
}

/// # Errors
/// More of something than a model has, and what is no protobuf.
pub(super) fn scan(bytes: &[u8]) -> Result<(), Refused> {
    let mut counts = Counts::default();
    counts.message(bytes, &MODEL)
}

impl Counts {
    fn message(&mut self, mut bytes: &[u8], fields: &Fields) -> Result<(), Refused> {
        while let Some((key, rest)) = varint(bytes) {
            let Some((content, rest)) = value(key & 7, rest) else {
                return Err(unreadable());
            };
            bytes = rest;
            let Some(content) = content else { continue };
            let known = fields.0.iter().find(|(number, ..)| *number == key >> 3);
            if let Some((_, what, inner)) = known {
                self.count(*what)?;
                if let Some(inner) = inner {
                    self.message(content, inner)?;
                }
            }
        }
        if bytes.is_empty() {
            Ok(())
        } else {
            Err(unreadable())
        }
    }

    fn count(&mut self, what: What) -> Result<(), Refused> {
        let (count, limit, what) = match what {
            What::Message => return Ok(()),
            What::Node => (&mut self.nodes, limits::NODES, "nodes"),
            What::Attribute => (&mut self.attributes, limits::ATTRIBUTES, "attributes"),
            What::Initializer => (&mut self.initializers, limits::INITIALIZERS, "initializers"),
            What::Piece => (&mut self.pieces, limits::PIECES, "names and texts"),
        };
        *count += 1;
        if *count > limit {
            return Err(Refused::TooLarge {
                what,
                found: *count,
                limit,
            });
        }
        Ok(())
    }
}

fn unreadable() -> Refused {
    Refused::Unreadable {
        problem: "its messages end too early or are of an unknown kind".to_owned(),
    }
}

/// A field's value: its bytes if it consists of some, and what follows.
fn value(wire: u64, bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    match wire {
        0 => varint(bytes).map(|(_, rest)| (None, rest)),
        1 => Some((None, bytes.get(8..)?)),
        2 => {
            let (length, rest) = varint(bytes)?;
            let length = usize::try_from(length).ok()?;
            let (content, rest) = rest.split_at_checked(length)?;
            Some((Some(content), rest))
        }
        5 => Some((None, bytes.get(4..)?)),
        _ => None,
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (place, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of `number` with this content.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2];
        let mut length = content.len();
        while length > 127 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend_from_slice(content);
        bytes
    }

    #[test]
    fn empty_nodes_are_counted() {
        let nodes = |count: usize| field(7, &field(1, &[]).repeat(count));
        assert_eq!(scan(&nodes(limits::NODES)), Ok(()));
        assert_eq!(
            scan(&nodes(limits::NODES + 1)),
            Err(Refused::TooLarge {
                what: "nodes",
                found: limits::NODES + 1,
                limit: limits::NODES
            })
        );
    }

    #[test]
    fn a_graph_in_pieces_is_counted_whole() {
        let graph = field(7, &field(1, &[]).repeat(limits::NODES / 2 + 1));
        assert!(scan(&graph.repeat(2)).is_err());
    }

    #[test]
    fn empty_texts_of_an_attribute_are_counted() {
        let strings = field(9, &[]).repeat(limits::PIECES + 1);
        let model = field(7, &field(1, &field(5, &strings)));
        assert!(matches!(scan(&model), Err(Refused::TooLarge { .. })));
    }

    #[test]
    fn what_is_no_protobuf_is_refused() {
        assert_eq!(scan(b""), Ok(()));
        for bytes in [&b"\xff\xff\xff"[..], b"\x0b", b"\x3a\xff\x01"] {
            assert!(matches!(scan(bytes), Err(Refused::Unreadable { .. })));
        }
    }
}

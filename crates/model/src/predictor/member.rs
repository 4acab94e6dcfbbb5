use domain::datasets::ColumnType;
use domain::models::InputField;
use serde_json::Value as Json;

/// An input as a member of a JSON object, for who reads many of them.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name in quotes and the colon behind it, as most clients write them.
    text: Box<[u8]>,
    /// The first bytes of that in one word, and which bits of the word they are.
    head: u64,
    mask: u64,
    pub kind: ColumnType,
    /// Whether it may be missing.
    pub nullable: bool,
}

const HEAD: usize = size_of::<u64>();

impl Member {
    pub(super) fn new(input: &InputField) -> Self {
        let mut text = Json::from(input.name.as_str()).to_string().into_bytes();
        text.push(b':');
        let [mut head, mut mask] = [[0; HEAD]; 2];
        for (place, byte) in text.iter().take(HEAD).enumerate() {
            head[place] = *byte;
            mask[place] = u8::MAX;
        }
        Self {
            text: text.into_boxed_slice(),
            head: u64::from_le_bytes(head),
            mask: u64::from_le_bytes(mask),
            kind: input.kind,
            nullable: input.nullable,
        }
    }

    /// How many bytes the name and its colon take, if these bytes begin with them as most clients write them. A look at one
    /// word is enough for most names.
    #[inline]
    pub fn begins(&self, bytes: &[u8]) -> Option<usize> {
        let begins = match bytes.first_chunk::<HEAD>() {
            Some(first) if u64::from_le_bytes(*first) & self.mask != self.head => false,
            Some(_) if self.text.len() <= HEAD => true,
            _ => bytes.starts_with(&self.text),
        };
        begins.then_some(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> Member {
        Member::new(&InputField {
            name: name.to_owned(),
            kind: ColumnType::Float,
            nullable: false,
            categories: None,
            min: None,
            max: None,
            format: None,
            impute: None,
            unseen: None,
            transform: None,
            example: None,
        })
    }

    #[test]
    fn a_name_is_found_whatever_its_length_and_nothing_else_is() {
        for name in [
            "",
            "x",
            "rooms",
            "a_name",
            "a\"b\\",
            "Größe",
            "median_income",
            "12345",
            "123456",
        ] {
            let member = member(name);
            let text = format!("{}:", Json::from(name));
            for behind in ["", "1", "1,\"y\":2}"] {
                let bytes = format!("{text}{behind}");
                assert_eq!(member.begins(bytes.as_bytes()), Some(text.len()), "{bytes}");
            }
            for place in 0..text.len() {
                assert_eq!(member.begins(&text.as_bytes()[..place]), None, "{name}");
                let mut other = format!("{text}12345678").into_bytes();
                other[place] ^= 1;
                assert_eq!(member.begins(&other), None, "{name} {place}");
            }
        }
    }
}

//! The outputs that a request asks for.

use std::borrow::Cow;
use std::fmt;

use domain::FieldError;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{OUTPUT, Parameters};

/// None means all. However many are named, what is kept of them is this.
#[derive(Default)]
pub(super) struct Outputs {
    count: usize,
    /// The first that there is not.
    unknown: Option<String>,
    is_classified: bool,
    binary: Option<bool>,
}

impl Outputs {
    pub(super) fn add(&mut self, name: Cow<'_, str>, is_classified: bool, binary: Option<bool>) {
        self.count += 1;
        if name != OUTPUT && self.unknown.is_none() {
            self.unknown = Some(name.into_owned());
        }
        self.is_classified |= is_classified;
        self.binary = self.binary.or(binary);
    }

    /// Whether they are to come as bytes; `None` leaves it open.
    ///
    /// # Errors
    /// What is asked for is nothing that a model here gives.
    pub(super) fn are_binary(&self) -> Result<Option<bool>, FieldError> {
        if let Some(name) = &self.unknown {
            let expected = format!("no such output: the model gives {OUTPUT}");
            return Err(FieldError::new("/outputs", "unknown_field", expected).got(name));
        }
        if self.count > 1 {
            let expected = format!("the output {OUTPUT} once");
            return Err(FieldError::new("/outputs", "duplicate", expected));
        }
        if self.is_classified {
            let expected = "no parameter classification: this server does not have that extension";
            return Err(FieldError::new("/outputs", "unknown_field", expected));
        }
        Ok(self.binary)
    }
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    parameters: Option<Parameters>,
}

impl<'de> Deserialize<'de> for Outputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Outputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of outputs")
            }

            fn visit_unit<E>(self) -> Result<Outputs, E> {
                Ok(Outputs::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Outputs, A::Error> {
                let mut outputs = Outputs::default();
                while let Some(output) = list.next_element::<Output<'de>>()? {
                    let parameters = output.parameters.unwrap_or_default();
                    let is_classified = parameters.classification.is_some();
                    outputs.add(output.name, is_classified, parameters.binary_data);
                }
                Ok(outputs)
            }
        }

        deserializer.deserialize_any(List)
    }
}

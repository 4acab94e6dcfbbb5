//! What a model gives, and the outputs that a request asks for.

use std::borrow::Cow;
use std::fmt;

use domain::FieldError;
use domain::models::OutputField;
use model::Predictor;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Datatype, Parameters};
use crate::predictions::Predictions;

/// A tensor that a model gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A regressor's number for each row.
    Prediction,
    /// A classifier's most probable class for each row.
    Label,
    /// Of each row a probability for each class, in the signature's order.
    Probabilities,
}

impl Output {
    const ALL: [Self; 3] = [Self::Prediction, Self::Label, Self::Probabilities];

    /// Those of a model, in their order.
    #[must_use]
    pub fn of(output: &OutputField) -> &'static [Self] {
        match output.classes {
            None => &[Self::Prediction],
            Some(_) => &[Self::Label, Self::Probabilities],
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prediction => "prediction",
            Self::Label => "label",
            Self::Probabilities => "probabilities",
        }
    }

    #[must_use]
    pub fn datatype(self) -> Datatype {
        match self {
            Self::Prediction | Self::Probabilities => Datatype::Fp64,
            Self::Label => Datatype::Bytes,
        }
    }

    pub(super) fn shape(self, predictions: &Predictions<'_>) -> Shape {
        let classes = predictions.classes().map_or(1, <[String]>::len);
        Shape {
            sizes: [predictions.rows(), classes],
            dimensions: match self {
                Self::Prediction | Self::Label => 1,
                Self::Probabilities => 2,
            },
        }
    }

    /// Numbers as they are in memory; before each text its length in four bytes.
    pub(super) fn write_binary(self, predictions: &Predictions<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Prediction | Self::Probabilities => {
                let numbers = predictions.numbers().iter();
                out.extend(numbers.flat_map(|number| number.to_le_bytes()));
            }
            Self::Label => {
                for label in predictions.labels() {
                    out.extend_from_slice(&(label.len() as u32).to_le_bytes());
                    out.extend_from_slice(label.as_bytes());
                }
            }
        }
    }
}

/// The rows, and of a matrix how many numbers each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    sizes: [usize; 2],
    dimensions: usize,
}

impl Shape {
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        self.sizes.into_iter().take(self.dimensions)
    }
}

impl Serialize for Shape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// The outputs that an answer has, and whether each is to come as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chosen([Option<(Output, bool)>; 2]);

impl Chosen {
    pub(super) fn map<T>(self, mut of: impl FnMut((Output, bool)) -> T) -> [Option<T>; 2] {
        self.0.map(|chosen| chosen.map(&mut of))
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (Output, bool)> {
        self.0.into_iter().flatten()
    }
}

/// None means all. However many are named, what is kept of them is this.
#[derive(Default)]
pub(super) struct Outputs {
    count: usize,
    /// Of each of [`Output::ALL`], how often it is named, and whether it is to come as bytes.
    named: [(usize, Option<bool>); 3],
    /// The first that no model gives.
    unknown: Option<String>,
    is_classified: bool,
}

impl Outputs {
    pub(super) fn add(&mut self, name: Cow<'_, str>, is_classified: bool, binary: Option<bool>) {
        self.count += 1;
        self.is_classified |= is_classified;
        let place = Output::ALL.iter().position(|output| output.name() == name);
        match place.and_then(|place| self.named.get_mut(place)) {
            Some((count, asked)) => {
                *count += 1;
                *asked = asked.or(binary);
            }
            None => {
                self.unknown.get_or_insert_with(|| name.into_owned());
            }
        }
    }

    fn of(&self, output: Output) -> (usize, Option<bool>) {
        self.named[output as usize]
    }

    /// The outputs of the answer; `as_bytes` where the request does not say of one how it is to come.
    ///
    /// # Errors
    /// What is asked for is nothing that the model gives.
    pub(super) fn chosen(
        &self,
        predictor: &Predictor,
        as_bytes: bool,
    ) -> Result<Chosen, FieldError> {
        let given = Output::of(&predictor.signature().output);
        let stranger = Output::ALL
            .into_iter()
            .find(|output| self.of(*output).0 > 0 && !given.contains(output))
            .map(Output::name);
        if let Some(name) = self.unknown.as_deref().or(stranger) {
            let names: Vec<&str> = given.iter().map(|output| output.name()).collect();
            let expected = format!("no such output: the model gives {}", names.join(" and "));
            return Err(FieldError::new("/outputs", "unknown_field", expected).got(name));
        }
        if let Some(twice) = given.iter().find(|output| self.of(**output).0 > 1) {
            let expected = format!("the output {} once", twice.name());
            return Err(FieldError::new("/outputs", "duplicate", expected));
        }
        if self.is_classified {
            let expected = "no parameter classification: this server does not have that extension";
            return Err(FieldError::new("/outputs", "unknown_field", expected));
        }
        let mut chosen = [None; 2];
        for (output, chosen) in given.iter().zip(&mut chosen) {
            let (named, binary) = self.of(*output);
            if named > 0 || self.count == 0 {
                *chosen = Some((*output, binary.unwrap_or(as_bytes)));
            }
        }
        Ok(Chosen(chosen))
    }
}

#[derive(Deserialize)]
struct Asked<'a> {
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
                while let Some(output) = list.next_element::<Asked<'de>>()? {
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

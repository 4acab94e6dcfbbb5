//! What an engine answered, as numbers. None of it is believed before it was looked at.

use std::borrow::Cow;
use std::fmt;

use model::{Predictor, Remote, RemoteAnswer};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::Trouble;

/// How far probabilities may be off what probabilities are: engines count with few digits.
const TOLERANCE: f64 = 0.01;
/// Longest answer of all, in bytes.
const LONGEST: usize = 16 << 20;
/// What an answer may have besides its data, and what a number in them may take with its blanks, in bytes.
const BESIDES: usize = 64 << 10;
const NUMBER: usize = 64;
/// A byte of a text takes as many where it is escaped.
const ESCAPED: usize = 6;

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    outputs: Vec<Output<'a>>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    shape: Vec<i64>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// How long an answer for so many rows may be, in bytes: nobody reads more of it.
pub(super) fn longest(predictor: &Predictor, rows: usize) -> usize {
    let classes = predictor.classes().unwrap_or_default();
    let label = classes.iter().map(String::len).max().unwrap_or_default();
    let row = predictor.width() * NUMBER + label * ESCAPED;
    rows.saturating_mul(row)
        .saturating_add(BESIDES)
        .min(LONGEST)
}

/// The predictions of so many rows: as many finite numbers for each as the model gives, row by row.
///
/// # Errors
/// What is wrong with them.
pub(super) fn predictions(
    remote: &Remote,
    predictor: &Predictor,
    rows: usize,
    reply: &[u8],
) -> Result<Vec<f64>, Trouble> {
    read(remote, predictor, rows, reply).map_err(|why| Trouble::Malformed(why.to_owned()))
}

fn read(
    remote: &Remote,
    predictor: &Predictor,
    rows: usize,
    reply: &[u8],
) -> Result<Vec<f64>, &'static str> {
    let reply: Reply<'_> =
        serde_json::from_slice(reply).map_err(|_| "it is no answer of the protocol, in JSON")?;
    let output = reply
        .outputs
        .iter()
        .find(|output| output.name == remote.output)
        .ok_or("it has not the output that was asked for")?;
    let width = predictor.width();
    let each = match remote.answer {
        RemoteAnswer::Probabilities => width,
        RemoteAnswer::Number | RemoteAnswer::Probability | RemoteAnswer::Label => 1,
    };
    if !is_shape(&output.shape, rows, each) {
        return Err("its shape is not that of a prediction for each row");
    }
    let data = output.data.ok_or("it has no data, or not in JSON")?.get();
    match remote.answer {
        RemoteAnswer::Number => numbers(data, rows),
        RemoteAnswer::Probabilities => {
            let numbers = numbers(data, rows * width)?;
            for row in numbers.chunks(width) {
                check_probabilities(row)?;
            }
            Ok(numbers)
        }
        RemoteAnswer::Probability => {
            let second = numbers(data, rows)?;
            let mut both = Vec::with_capacity(rows * 2);
            for second in second {
                let row = [1.0 - second, second];
                check_probabilities(&row)?;
                both.extend(row);
            }
            Ok(both)
        }
        RemoteAnswer::Label => labels(data, rows, predictor.classes().unwrap_or_default()),
    }
}

/// `[rows]` where there is one number for each, else `[rows, each]`; one for each may be either.
fn is_shape(shape: &[i64], rows: usize, each: usize) -> bool {
    let is = |size: i64, expected: usize| usize::try_from(size) == Ok(expected);
    match shape {
        [first] => each == 1 && is(*first, rows),
        [first, second] => is(*first, rows) && is(*second, each),
        _ => false,
    }
}

/// What stands in one array, or in one for each row: exactly so many. No more is kept of it while it is read, whatever it holds.
fn elements(data: &str, count: usize) -> Option<Vec<&RawValue>> {
    let mut elements = Vec::new();
    for outer in array(data, count)? {
        if outer.get().starts_with('[') {
            elements.extend(array(outer.get(), count - elements.len())?);
        } else {
            elements.push(outer);
        }
        if elements.len() > count {
            return None;
        }
    }
    (elements.len() == count).then_some(elements)
}

/// `None` for what is no array, or has more elements than `most`.
fn array(text: &str, most: usize) -> Option<Vec<&RawValue>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let elements = (&mut deserializer).deserialize_seq(AtMost(most)).ok()?;
    deserializer.end().ok()?;
    Some(elements)
}

struct AtMost(usize);

impl<'de> Visitor<'de> for AtMost {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of at most {} elements", self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = items.next_element::<&'de RawValue>()? {
            if elements.len() == self.0 {
                return Err(A::Error::custom("more elements"));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

fn numbers(data: &str, count: usize) -> Result<Vec<f64>, &'static str> {
    const WRONG: &str = "its data are not as many numbers as its shape says";
    let elements = elements(data, count).ok_or(WRONG)?;
    let numbers = elements
        .into_iter()
        .map(|element| serde_json::from_str::<f64>(element.get()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| WRONG)?;
    if numbers.iter().any(|number| !number.is_finite()) {
        return Err("it has a number that is not finite");
    }
    Ok(numbers)
}

fn check_probabilities(row: &[f64]) -> Result<(), &'static str> {
    let is_one = |p: &f64| (-TOLERANCE..=1.0 + TOLERANCE).contains(p);
    let sum: f64 = row.iter().sum();
    if row.iter().all(is_one) && (sum - 1.0).abs() <= TOLERANCE {
        Ok(())
    } else {
        Err("its numbers are no probabilities: they are not from 0 to 1, or do not add up to 1")
    }
}

/// A probability of 1 for the class of each row: the engine tells no more.
fn labels(data: &str, rows: usize, classes: &[String]) -> Result<Vec<f64>, &'static str> {
    const WRONG: &str = "its data are not as many labels as its shape says";
    let labels = elements(data, rows).ok_or(WRONG)?;
    let mut numbers = vec![0.0; rows * classes.len()];
    for (label, row) in labels
        .into_iter()
        .zip(numbers.chunks_mut(classes.len().max(1)))
    {
        if label.get().starts_with(['[', '{']) {
            return Err(WRONG);
        }
        let label: Json = serde_json::from_str(label.get()).map_err(|_| WRONG)?;
        let text = match &label {
            Json::String(text) => Cow::Borrowed(text.as_str()),
            Json::Number(_) | Json::Bool(_) => Cow::Owned(label.to_string()),
            Json::Null | Json::Array(_) | Json::Object(_) => return Err(WRONG),
        };
        let place = classes.iter().position(|class| *class == text);
        let place = place.ok_or("it names a class that the signature does not have")?;
        if let Some(number) = row.get_mut(place) {
            *number = 1.0;
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use domain::models::{OutputField, RemoteEndpoint, RemoteProtocol, Signature};
    use model::{Artifact, Body};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn remote(answer: RemoteAnswer, classes: usize) -> (Remote, Predictor) {
        let remote = Remote {
            endpoint: RemoteEndpoint {
                protocol: RemoteProtocol::OipV2,
                url: "http://a".to_owned(),
                model: "m".to_owned(),
                version: None,
                timeout_ms: None,
            },
            tensors: Vec::new(),
            output: "y".to_owned(),
            answer,
        };
        let output = match answer {
            RemoteAnswer::Number => OutputField::regression("y"),
            _ => OutputField::classification("y", (0..classes).map(|n| n.to_string()).collect()),
        };
        let predictor = Predictor::new(&Artifact {
            algorithm: "remote".to_owned(),
            params: serde_json::Map::new(),
            signature: Signature {
                inputs: Vec::new(),
                output,
            },
            body: Body::Remote(remote.clone()),
            background: None,
        });
        (remote, predictor)
    }

    fn answers() -> impl Strategy<Value = (RemoteAnswer, usize)> {
        prop_oneof![
            Just((RemoteAnswer::Number, 1)),
            Just((RemoteAnswer::Probabilities, 3)),
            Just((RemoteAnswer::Probability, 2)),
            Just((RemoteAnswer::Label, 3)),
        ]
    }

    fn cells() -> impl Strategy<Value = Json> {
        let cell = prop_oneof![
            (-2.0..3.0).prop_map(|number: f64| json!(number)),
            (0..4_i64).prop_map(|number| json!(number)),
            "[0-3]".prop_map(|text| json!(text)),
            Just(json!(null)),
            Just(json!(1e308)),
        ];
        let row = prop::collection::vec(cell.clone(), 0..4).prop_map(Json::Array);
        prop::collection::vec(prop_oneof![cell, row], 0..7).prop_map(Json::Array)
    }

    #[test]
    fn an_answer_is_no_longer_than_its_rows_need() {
        let (_, predictor) = remote(RemoteAnswer::Probabilities, 3);
        assert_eq!(longest(&predictor, 1), (64 << 10) + 3 * 64 + 6);
        assert_eq!(longest(&predictor, 10), (64 << 10) + 10 * (3 * 64 + 6));
        assert_eq!(longest(&predictor, 1 << 20), 16 << 20);
        assert_eq!(longest(&predictor, usize::MAX), 16 << 20);
    }

    proptest! {
        #[test]
        fn what_is_taken_is_finite_and_as_much_as_was_asked_for(
            (answer, width) in answers(),
            rows in 1..4_usize,
            shape in prop::collection::vec(-1..4_i64, 0..4),
            data in cells(),
        ) {
            let (remote, predictor) = remote(answer, width);
            let reply = json!({"outputs": [{"name": "y", "datatype": "FP64", "shape": shape, "data": data}]});
            if let Ok(numbers) = predictions(&remote, &predictor, rows, reply.to_string().as_bytes()) {
                prop_assert_eq!(numbers.len(), rows * width);
                prop_assert!(numbers.iter().all(|number| number.is_finite()));
                prop_assert_eq!(shape[0], rows as i64);
            }
        }

        #[test]
        fn as_many_elements_are_read_as_were_asked_for(data in cells(), count in 0..9_usize) {
            let text = data.to_string();
            let flat: Vec<Json> = data
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|cell| match cell {
                    Json::Array(inner) => inner.clone(),
                    cell => vec![cell.clone()],
                })
                .collect();
            let read = elements(&text, count).map(|elements| {
                let read = elements.into_iter().map(|element| serde_json::from_str(element.get()).unwrap());
                read.collect::<Vec<Json>>()
            });
            // Rows that hold nothing count, too.
            if flat.len() == count && data.as_array().unwrap().len() <= count {
                prop_assert_eq!(read, Some(flat));
            } else {
                prop_assert_eq!(read, None);
            }
        }

        #[test]
        fn no_bytes_break_the_reader(bytes: Vec<u8>, (answer, width) in answers()) {
            let (remote, predictor) = remote(answer, width);
            prop_assert!(predictions(&remote, &predictor, 1, &bytes).is_err());
        }

        #[test]
        fn numbers_come_as_they_were_sent(sent in prop::collection::vec(-1e300..1e300, 1..20), nested: bool) {
            let (remote, predictor) = remote(RemoteAnswer::Number, 1);
            let data = if nested {
                json!(sent.iter().map(|number| [*number]).collect::<Vec<[f64; 1]>>())
            } else {
                json!(sent)
            };
            let shape = if nested { json!([sent.len(), 1]) } else { json!([sent.len()]) };
            let reply = json!({"model_name": "m", "outputs": [
                {"name": "other", "datatype": "BYTES", "shape": [0], "data": []},
                {"name": "y", "datatype": "FP64", "shape": shape, "data": data},
            ]});
            let read = predictions(&remote, &predictor, sent.len(), reply.to_string().as_bytes());
            prop_assert_eq!(read.unwrap(), sent);
        }
    }
}

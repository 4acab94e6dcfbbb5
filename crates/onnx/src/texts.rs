//! Which texts a model knows, found where its file names them: in its encoders.

use std::collections::{HashMap, HashSet};

use prost::Message as _;

use crate::proto::{AttributeProto, ModelProto, NodeProto, TensorProto};

/// Element types of the format.
const I32: i32 = 6;
const I64: i32 = 7;
const TEXT: i32 = 8;

/// For each column of these inputs, which are named with how many they have, the texts that the model tells apart in it, in the file's
/// order; the empty one, if it is among them, is the last. `None` where the file does not name them, or looks into the texts.
///
/// The file is one that [`crate::Model::read`] takes.
#[must_use]
pub fn texts(file: &[u8], inputs: &[(&str, usize)]) -> Vec<Option<Vec<String>>> {
    let columns = inputs.iter().map(|(_, columns)| columns).sum();
    let Ok(model) = ModelProto::decode(file) else {
        return vec![None; columns];
    };
    let graph = model.graph.unwrap_or_default();
    let mut values = HashMap::new();
    let mut first = 0;
    for &(input, columns) in inputs {
        values.insert(input, (first..first + columns).collect());
        first += columns;
    }
    let mut search = Search {
        constants: HashMap::new(),
        values,
        varying: graph.input.iter().map(|it| it.name.as_str()).collect(),
        found: vec![Some(Vec::new()); columns],
        looked: 0,
    };
    // What is a constant is known before the nodes that read it: the format has both in this order.
    for tensor in &graph.initializer {
        search.varying.remove(tensor.name.as_str());
        if let Some(constant) = Constant::of(tensor) {
            search.constants.insert(&tensor.name, constant);
        }
    }
    for node in &graph.node {
        search.node(node);
        if search.looked > MOST {
            return vec![None; columns];
        }
    }
    let named = |texts: Option<Vec<String>>| {
        let mut texts = texts.filter(|texts| !texts.is_empty())?;
        texts.sort_by_key(String::is_empty);
        Some(texts)
    };
    search.found.into_iter().map(named).collect()
}

/// A constant that says which columns, or which texts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Constant {
    Wholes(Vec<i64>),
    Texts(Vec<String>),
}

struct Search<'g> {
    constants: HashMap<&'g str, Constant>,
    /// The values that are columns of the inputs, and which ones.
    values: HashMap<&'g str, Vec<usize>>,
    /// The values that are not the same for all rows.
    varying: HashSet<&'g str>,
    /// `None`: not to be found.
    found: Vec<Option<Vec<String>>>,
    /// How many columns, and texts of columns, were looked at.
    looked: usize,
}

/// Where a search ends without an answer: nodes can double what they take, again and again.
const MOST: usize = 1 << 22;

impl<'g> Search<'g> {
    fn node(&mut self, node: &'g NodeProto) {
        if node.op_type == "Constant" {
            let constant = node.attribute.iter().find_map(Constant::of_attribute);
            if let (Some(constant), Some(output)) = (constant, node.output.first()) {
                self.constants.insert(output, constant);
            }
            return;
        }
        if node.input.iter().any(|name| self.varies(name)) {
            self.varying.extend(node.output.iter().map(String::as_str));
        }
        let mut columns: Vec<usize> = Vec::new();
        for name in &node.input {
            let more = self
                .values
                .get(name.as_str())
                .map_or(&[][..], Vec::as_slice);
            self.looked = self.looked.saturating_add(more.len());
            if self.looked > MOST {
                return;
            }
            columns.extend(more);
        }
        if columns.is_empty() || self.follow(node, &columns).is_some() {
            return;
        }
        for column in columns {
            self.found[column] = None;
        }
    }

    /// `None` when it is not known what the node makes of the texts. `columns` are those of all its inputs, in their order.
    fn follow(&mut self, node: &'g NodeProto, columns: &[usize]) -> Option<()> {
        match node.op_type.as_str() {
            // Says nothing of the texts themselves.
            "Shape" | "Size" => {}
            "Identity" | "Flatten" => self.give(node, columns.to_vec()),
            "Cast" if attribute(node, "to")?.i == i64::from(TEXT) => {
                self.give(node, columns.to_vec());
            }
            "Squeeze" | "Unsqueeze" if columns.len() == 1 => self.give(node, columns.to_vec()),
            "Reshape" => {
                let Some(Constant::Wholes(shape)) = self.constant(node, 1) else {
                    return None;
                };
                let width = i64::try_from(columns.len()).ok()?;
                if width > 1 && (shape.len() != 2 || shape[1] != width) {
                    return None;
                }
                self.give(node, columns.to_vec());
            }
            "StringNormalizer" => {
                let changes = attribute(node, "case_change_action");
                let keeps_case = changes.is_none_or(|changes| changes.s == b"NONE");
                let keeps_all = attribute(node, "stopwords").is_none_or(|it| it.strings.is_empty());
                if !keeps_case || !keeps_all {
                    return None;
                }
                self.give(node, columns.to_vec());
            }
            "Concat" => {
                let is_across = matches!(attribute(node, "axis")?.i, 1 | -1);
                let is_whole = node
                    .input
                    .iter()
                    .all(|name| self.values.contains_key(name.as_str()));
                if !is_across || !is_whole {
                    return None;
                }
                self.give(node, columns.to_vec());
            }
            "Gather" => {
                let axis = attribute(node, "axis").map_or(0, |axis| axis.i);
                if !matches!(axis, 1 | -1) {
                    return None;
                }
                let picked = self.picked(node, columns)?;
                self.give(node, picked);
            }
            "ArrayFeatureExtractor" => {
                let picked = self.picked(node, columns)?;
                self.give(node, picked);
            }
            "Slice" => {
                let sliced = self.sliced(node, columns)?;
                self.give(node, sliced);
            }
            "Split" => self.split(node, columns)?,
            // A text, or in its place the same one for all rows, as what fills in for a missing one.
            "Where" => {
                let is_text =
                    |name: &String| self.values.contains_key(name.as_str()) || !self.varies(name);
                if node.input.len() != 3 || !node.input[1..].iter().all(is_text) {
                    return None;
                }
                self.give(node, columns.to_vec());
            }
            "Equal" => {
                let other = self.constant(node, 1).or_else(|| self.constant(node, 0));
                let Some(Constant::Texts(texts)) = other.cloned() else {
                    return None;
                };
                let is_each = columns.len() > 1 && texts.len() == columns.len();
                for (place, column) in columns.iter().enumerate() {
                    let texts: &[String] = if is_each {
                        &texts[place..=place]
                    } else {
                        &texts
                    };
                    self.name(*column, texts.to_vec());
                }
            }
            "OneHotEncoder" | "CategoryMapper" => {
                self.name_all(columns, strings(attribute(node, "cats_strings")?)?);
            }
            "LabelEncoder" => {
                let listed = ["keys_strings", "classes_strings"];
                let listed = listed.iter().find_map(|name| attribute(node, name));
                let texts = match (listed, attribute(node, "keys_tensor")) {
                    (Some(listed), _) => strings(listed)?,
                    (None, Some(keys)) => match Constant::of(keys.t.as_ref()?)? {
                        Constant::Texts(texts) => texts,
                        Constant::Wholes(_) => return None,
                    },
                    (None, None) => return None,
                };
                self.name_all(columns, texts);
            }
            _ => return None,
        }
        Some(())
    }

    fn varies(&self, name: &str) -> bool {
        self.varying.contains(name)
    }

    /// The node's first output is these columns.
    fn give(&mut self, node: &'g NodeProto, columns: Vec<usize>) {
        self.looked = self.looked.saturating_add(columns.len());
        if let Some(output) = node.output.first() {
            self.values.insert(output, columns);
        }
    }

    fn name_all(&mut self, columns: &[usize], texts: Vec<String>) {
        for column in columns {
            self.name(*column, texts.clone());
        }
    }

    fn name(&mut self, column: usize, texts: Vec<String>) {
        if let Some(found) = &mut self.found[column] {
            let looked = found.len().saturating_add(texts.len());
            self.looked = self.looked.saturating_add(looked);
            if self.looked > MOST {
                return;
            }
            let mut known: HashSet<String> = found.iter().cloned().collect();
            found.extend(texts.into_iter().filter(|text| known.insert(text.clone())));
        }
    }

    fn constant(&self, node: &NodeProto, place: usize) -> Option<&Constant> {
        self.constants.get(node.input.get(place)?.as_str())
    }

    fn wholes(&self, node: &NodeProto, place: usize) -> Option<&[i64]> {
        match self.constant(node, place)? {
            Constant::Wholes(wholes) => Some(wholes),
            Constant::Texts(_) => None,
        }
    }

    /// By the indices that are the node's second input.
    fn picked(&self, node: &NodeProto, columns: &[usize]) -> Option<Vec<usize>> {
        let width = i64::try_from(columns.len()).ok()?;
        let indices = self.wholes(node, 1)?.iter();
        let picked = indices.map(|&index| {
            let index = if index < 0 { index + width } else { index };
            columns.get(usize::try_from(index).ok()?).copied()
        });
        picked.collect()
    }

    fn sliced(&self, node: &NodeProto, columns: &[usize]) -> Option<Vec<usize>> {
        let said = |name: &str, place: usize| match attribute(node, name) {
            Some(attribute) => Some(attribute.ints.as_slice()),
            None => self.wholes(node, place),
        };
        let (starts, ends) = (said("starts", 1)?, said("ends", 2)?);
        let steps = said("steps", 4).unwrap_or(&[1]);
        let (&[start], &[end], &[1], Some(&[1 | -1])) = (starts, ends, steps, said("axes", 3))
        else {
            return None;
        };
        let width = i64::try_from(columns.len()).ok()?;
        let place = |at: i64| {
            let at = if at < 0 { at.saturating_add(width) } else { at };
            usize::try_from(at.clamp(0, width)).ok()
        };
        Some(columns.get(place(start)?..place(end)?)?.to_vec())
    }

    fn split(&mut self, node: &'g NodeProto, columns: &[usize]) -> Option<()> {
        if !matches!(attribute(node, "axis")?.i, 1 | -1) {
            return None;
        }
        let sizes = match attribute(node, "split") {
            Some(split) => Some(split.ints.as_slice()),
            None => self.wholes(node, 1),
        };
        let sizes: Vec<usize> = if let Some(sizes) = sizes {
            let sizes = sizes.iter().map(|&size| usize::try_from(size).ok());
            sizes.collect::<Option<_>>()?
        } else {
            let each = columns.len().checked_div(node.output.len())?;
            vec![each; node.output.len()]
        };
        if sizes.iter().sum::<usize>() != columns.len() {
            return None;
        }
        let mut rest = columns;
        for (output, size) in node.output.iter().zip(sizes) {
            let (these, after) = rest.split_at_checked(size)?;
            self.values.insert(output, these.to_vec());
            rest = after;
        }
        Some(())
    }
}

impl Constant {
    fn of(tensor: &TensorProto) -> Option<Self> {
        let raw = tensor.raw_data.as_deref().unwrap_or_default();
        match tensor.data_type {
            TEXT => utf8(&tensor.string_data).map(Self::Texts),
            I64 if tensor.int64_data.is_empty() => {
                let (wholes, _) = raw.as_chunks::<8>();
                let wholes = wholes.iter().map(|bytes| i64::from_le_bytes(*bytes));
                Some(Self::Wholes(wholes.collect()))
            }
            I64 => Some(Self::Wholes(tensor.int64_data.clone())),
            I32 if tensor.int32_data.is_empty() => {
                let (wholes, _) = raw.as_chunks::<4>();
                let wholes = wholes.iter().map(|bytes| i32::from_le_bytes(*bytes));
                Some(Self::Wholes(wholes.map(i64::from).collect()))
            }
            I32 => {
                let wholes = tensor.int32_data.iter().copied().map(i64::from);
                Some(Self::Wholes(wholes.collect()))
            }
            _ => None,
        }
    }

    fn of_attribute(attribute: &AttributeProto) -> Option<Self> {
        match attribute.name.as_str() {
            "value" => Self::of(attribute.t.as_ref()?),
            "value_int" => Some(Self::Wholes(vec![attribute.i])),
            "value_ints" => Some(Self::Wholes(attribute.ints.clone())),
            "value_string" => utf8(std::slice::from_ref(&attribute.s)).map(Self::Texts),
            "value_strings" => strings(attribute).map(Self::Texts),
            _ => None,
        }
    }
}

fn attribute<'n>(node: &'n NodeProto, name: &str) -> Option<&'n AttributeProto> {
    node.attribute
        .iter()
        .find(|attribute| attribute.name == name)
}

fn strings(attribute: &AttributeProto) -> Option<Vec<String>> {
    utf8(&attribute.strings)
}

fn utf8(texts: &[Vec<u8>]) -> Option<Vec<String>> {
    let texts = texts
        .iter()
        .map(|text| String::from_utf8(text.clone()).ok());
    texts.collect()
}

#[cfg(test)]
mod tests;

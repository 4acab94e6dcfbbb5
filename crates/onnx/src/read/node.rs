use super::tensors;
use crate::error::{Refused, quoted};
use crate::proto::{AttributeProto, NodeProto, kind};
use crate::tensor::Tensor;

/// A node of a file, for its operator to read its attributes from.
pub(crate) struct Node<'a> {
    proto: &'a NodeProto,
    /// The version of the operators that the node is one of.
    pub(crate) opset: i64,
}

impl<'a> Node<'a> {
    pub(super) fn new(proto: &'a NodeProto, opset: i64) -> Self {
        Self { proto, opset }
    }

    /// How many inputs the node names.
    pub(crate) fn inputs(&self) -> usize {
        self.proto.input.len()
    }

    pub(crate) fn outputs(&self) -> usize {
        self.proto.output.len()
    }

    /// Whether the node has this input, rather than leave it out.
    pub(crate) fn has_input(&self, input: usize) -> bool {
        self.proto
            .input
            .get(input)
            .is_some_and(|name| !name.is_empty())
    }

    pub(crate) fn has_output(&self, output: usize) -> bool {
        self.proto
            .output
            .get(output)
            .is_some_and(|name| !name.is_empty())
    }

    pub(crate) fn refuse(&self, problem: impl Into<String>) -> Refused {
        Refused::Node {
            node: quoted(label(self.proto)),
            operator: quoted(&self.proto.op_type),
            problem: problem.into(),
        }
    }

    fn find(&self, name: &str) -> Option<&'a AttributeProto> {
        self.proto
            .attribute
            .iter()
            .find(|attribute| attribute.name == name)
    }

    fn of_kind(
        &self,
        name: &str,
        expected: i32,
        what: &str,
    ) -> Result<Option<&'a AttributeProto>, Refused> {
        match self.find(name) {
            // Files of the first versions do not say it.
            Some(attribute) if attribute.kind != expected && attribute.kind != 0 => {
                Err(self.refuse(format!("has an attribute `{name}` that is not {what}")))
            }
            found => Ok(found),
        }
    }

    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, Refused> {
        let attribute = self.of_kind(name, kind::INT, "an int")?;
        Ok(attribute.map(|attribute| attribute.i))
    }

    pub(crate) fn int_or(&self, name: &str, default: i64) -> Result<i64, Refused> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// A yes or no that files write as 1 or 0.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, Refused> {
        Ok(self.int(name)?.map_or(default, |value| value != 0))
    }

    pub(crate) fn float(&self, name: &str) -> Result<Option<f32>, Refused> {
        let attribute = self.of_kind(name, kind::FLOAT, "a float")?;
        Ok(attribute.map(|attribute| attribute.f))
    }

    pub(crate) fn float_or(&self, name: &str, default: f32) -> Result<f32, Refused> {
        Ok(self.float(name)?.unwrap_or(default))
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Refused> {
        let attribute = self.of_kind(name, kind::STRING, "a string")?;
        let text = attribute.map(|attribute| self.utf8(name, &attribute.s));
        text.transpose()
    }

    pub(crate) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, Refused> {
        let attribute = self.of_kind(name, kind::INTS, "a list of ints")?;
        Ok(attribute.map(|attribute| &attribute.ints[..]))
    }

    pub(crate) fn floats(&self, name: &str) -> Result<Option<&'a [f32]>, Refused> {
        let attribute = self.of_kind(name, kind::FLOATS, "a list of floats")?;
        Ok(attribute.map(|attribute| &attribute.floats[..]))
    }

    /// A list of floats that the operator can not do without.
    pub(crate) fn needed_floats(&self, name: &str) -> Result<&'a [f32], Refused> {
        self.floats(name)?
            .ok_or_else(|| self.refuse(format!("lacks its attribute `{name}`")))
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Refused> {
        let Some(attribute) = self.of_kind(name, kind::STRINGS, "a list of strings")? else {
            return Ok(None);
        };
        let texts = attribute.strings.iter().map(|text| self.utf8(name, text));
        texts.collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<Option<Tensor>, Refused> {
        let Some(attribute) = self.of_kind(name, kind::TENSOR, "a tensor")? else {
            return Ok(None);
        };
        let Some(proto) = &attribute.t else {
            return Err(self.refuse(format!("has an attribute `{name}` without its tensor")));
        };
        tensors::tensor(proto).map(Some)
    }

    fn utf8(&self, name: &str, bytes: &'a [u8]) -> Result<&'a str, Refused> {
        std::str::from_utf8(bytes).map_err(|_| {
            self.refuse(format!(
                "has text in its attribute `{name}` that is not UTF-8"
            ))
        })
    }
}

/// What a node is called, or the first thing that it makes where it has no name.
pub(super) fn label(proto: &NodeProto) -> &str {
    if proto.name.is_empty() {
        proto.output.first().map_or("", String::as_str)
    } else {
        &proto.name
    }
}

//! Small ONNX files, written field by field: the messages of onnx.proto with what the tests need of them.

/// A message of protocol buffers.
#[derive(Clone, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn whole(mut self, tag: u64, value: i64) -> Self {
        self.varint(tag << 3);
        self.varint(value as u64);
        self
    }

    fn bytes(mut self, tag: u64, bytes: &[u8]) -> Self {
        self.varint(tag << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn texts(self, tag: u64, texts: &[&str]) -> Self {
        texts
            .iter()
            .fold(self, |message, text| message.bytes(tag, text.as_bytes()))
    }

    fn messages(self, tag: u64, messages: &[Self]) -> Self {
        messages
            .iter()
            .fold(self, |message, inner| message.bytes(tag, &inner.0))
    }
}

pub(super) const F32: i64 = 1;
pub(super) const I64: i64 = 7;
pub(super) const TEXT: i64 = 8;

/// A dimension that is free.
pub(super) const FREE: i64 = -1;

/// An input or an output.
pub(super) fn value(name: &str, element: i64, shape: &[i64]) -> Message {
    let dimensions: Vec<_> = shape
        .iter()
        .map(|&length| match length {
            FREE => Message::default().texts(2, &["N"]),
            length => Message::default().whole(1, length),
        })
        .collect();
    let shape = Message::default().messages(1, &dimensions);
    let tensor = Message::default().whole(1, element).messages(2, &[shape]);
    let kind = Message::default().messages(1, &[tensor]);
    Message::default().texts(1, &[name]).messages(2, &[kind])
}

pub(super) fn floats(name: &str, shape: &[i64], numbers: &[f32]) -> Message {
    let raw: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    tensor(name, F32, shape).bytes(9, &raw)
}

pub(super) fn wholes(name: &str, shape: &[i64], numbers: &[i64]) -> Message {
    let raw: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    tensor(name, I64, shape).bytes(9, &raw)
}

fn tensor(name: &str, element: i64, shape: &[i64]) -> Message {
    let dimensions = shape.iter();
    let tensor = dimensions.fold(Message::default(), |tensor, &length| {
        tensor.whole(1, length)
    });
    tensor.whole(2, element).texts(8, &[name])
}

pub(super) fn node(
    operator: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[Message],
) -> Message {
    let is_ml = ["OneHotEncoder", "LabelEncoder", "Imputer"].contains(&operator);
    let domain = if is_ml { "ai.onnx.ml" } else { "" };
    Message::default()
        .texts(1, inputs)
        .texts(2, outputs)
        .texts(4, &[operator])
        .messages(5, attributes)
        .texts(7, &[domain])
}

pub(super) fn int(name: &str, value: i64) -> Message {
    Message::default()
        .texts(1, &[name])
        .whole(3, value)
        .whole(20, 2)
}

pub(super) fn strings(name: &str, texts: &[&str]) -> Message {
    Message::default()
        .texts(1, &[name])
        .texts(9, texts)
        .whole(20, 8)
}

/// The file of a model.
pub(super) fn file(
    nodes: &[Message],
    constants: &[Message],
    inputs: &[Message],
    outputs: &[Message],
) -> Vec<u8> {
    let graph = Message::default()
        .messages(1, nodes)
        .texts(2, &["g"])
        .messages(5, constants)
        .messages(11, inputs)
        .messages(12, outputs);
    let opset =
        |domain: &str, version: i64| Message::default().texts(1, &[domain]).whole(2, version);
    let model = Message::default()
        .whole(1, 8)
        .texts(2, &["by hand"])
        .texts(3, &["1.0"])
        .messages(7, &[graph])
        .messages(8, &[opset("", 17), opset("ai.onnx.ml", 3)]);
    model.0
}

pub(super) fn text(name: &str, text: &str) -> Message {
    Message::default()
        .texts(1, &[name])
        .texts(4, &[text])
        .whole(20, 3)
}

pub(super) fn floats_attribute(name: &str, numbers: &[f32]) -> Message {
    let packed: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    Message::default()
        .texts(1, &[name])
        .bytes(7, &packed)
        .whole(20, 6)
}

pub(super) fn float(name: &str, number: f32) -> Message {
    let mut message = Message::default().texts(1, &[name]);
    message.varint(2 << 3 | 5);
    message.0.extend_from_slice(&number.to_le_bytes());
    message.whole(20, 1)
}

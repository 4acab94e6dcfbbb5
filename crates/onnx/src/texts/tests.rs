use super::*;
use crate::proto::{GraphProto, ValueInfoProto};

fn strings_of(name: &str, texts: &[&str]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        strings: texts.iter().map(|text| text.as_bytes().to_vec()).collect(),
        ..AttributeProto::default()
    }
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        i,
        ..AttributeProto::default()
    }
}

fn node(kind: &str, input: &[&str], output: &[&str], attribute: &[AttributeProto]) -> NodeProto {
    NodeProto {
        input: input.iter().map(|&name| name.to_owned()).collect(),
        output: output.iter().map(|&name| name.to_owned()).collect(),
        op_type: kind.to_owned(),
        attribute: attribute.to_vec(),
        ..NodeProto::default()
    }
}

fn wholes(name: &str, wholes: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: I64,
        raw_data: Some(
            wholes
                .iter()
                .flat_map(|whole| whole.to_le_bytes())
                .collect(),
        ),
        ..TensorProto::default()
    }
}

fn words(name: &str, texts: &[&str]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: TEXT,
        string_data: texts.iter().map(|text| text.as_bytes().to_vec()).collect(),
        ..TensorProto::default()
    }
}

fn input(name: &str) -> ValueInfoProto {
    ValueInfoProto {
        name: name.to_owned(),
        ..ValueInfoProto::default()
    }
}

fn found(
    columns: usize,
    initializer: Vec<TensorProto>,
    node: Vec<NodeProto>,
) -> Vec<Option<Vec<String>>> {
    texts(&file(initializer, node), &[("x", columns)])
}

fn file(initializer: Vec<TensorProto>, node: Vec<NodeProto>) -> Vec<u8> {
    let model = ModelProto {
        graph: Some(GraphProto {
            node,
            initializer,
            input: ["x", "z"].map(input).to_vec(),
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    };
    model.encode_to_vec()
}

fn known(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn an_encoder_names_the_texts_of_its_column() {
    let cats = strings_of("cats_strings", &["C", "Q", "S"]);
    let one_hot = vec![node(
        "OneHotEncoder",
        &["x"],
        &["y"],
        std::slice::from_ref(&cats),
    )];
    assert_eq!(found(1, vec![], one_hot), [Some(known(&["C", "Q", "S"]))]);
    let keys = strings_of("keys_strings", &["a", "b"]);
    let labels = vec![
        node("Identity", &["x"], &["same"], &[]),
        node("LabelEncoder", &["same"], &["y"], &[keys]),
    ];
    assert_eq!(found(1, vec![], labels), [Some(known(&["a", "b"]))]);
    let keys = AttributeProto {
        name: "keys_tensor".to_owned(),
        t: Some(words("", &["u", "v"])),
        ..AttributeProto::default()
    };
    let labels = vec![node("LabelEncoder", &["x"], &["y"], &[keys])];
    assert_eq!(found(1, vec![], labels), [Some(known(&["u", "v"]))]);
}

#[test]
fn columns_are_followed_where_they_are_picked_and_put_together() {
    let encode = |from: &str, texts: &[&str]| {
        let cats = strings_of("cats_strings", texts);
        node("OneHotEncoder", &[from], &[&format!("{from}_y")], &[cats])
    };
    let both = [Some(known(&["a"])), Some(known(&["b"]))];
    let picked = vec![
        node("ArrayFeatureExtractor", &["x", "second"], &["b"], &[]),
        node("Gather", &["x", "first"], &["a"], &[int("axis", 1)]),
        encode("a", &["a"]),
        encode("b", &["b"]),
    ];
    let places = vec![wholes("first", &[-2]), wholes("second", &[1])];
    assert_eq!(found(2, places, picked), both);
    let split = vec![
        node("Split", &["x"], &["a", "b"], &[int("axis", 1)]),
        node("Concat", &["b", "a"], &["ba"], &[int("axis", 1)]),
        node("Slice", &["ba", "zero", "one", "one"], &["b2"], &[]),
        encode("a", &["a"]),
        encode("b2", &["b"]),
    ];
    let places = vec![wholes("zero", &[0]), wholes("one", &[1])];
    assert_eq!(found(2, places, split), both);
}

#[test]
fn inputs_that_are_put_together_keep_their_texts() {
    let merged = node("Concat", &["x", "z"], &["both"], &[int("axis", 1)]);
    let first = node("ArrayFeatureExtractor", &["both", "zero"], &["a"], &[]);
    let second = node("ArrayFeatureExtractor", &["both", "one"], &["b"], &[]);
    let encode = |from: &str, text: &str| {
        let cats = strings_of("cats_strings", &[text]);
        node("OneHotEncoder", &[from], &["y"], &[cats])
    };
    let nodes = vec![merged, first, second, encode("b", "B"), encode("a", "A")];
    let places = vec![wholes("zero", &[0]), wholes("one", &[1])];
    let file = file(places, nodes);
    let both = [Some(known(&["B"])), Some(known(&["A"]))];
    assert_eq!(texts(&file, &[("z", 1), ("x", 1)]), both);
}

#[test]
fn a_missing_text_that_is_filled_in_for_is_known_too() {
    let encode = |from: &str| {
        let cats = strings_of("cats_strings", &["C", "S"]);
        node("OneHotEncoder", &[from], &["y"], &[cats])
    };
    let compared = vec![
        node("Equal", &["x", "empty"], &["missing"], &[]),
        node("Where", &["missing", "most", "x"], &["filled"], &[]),
        encode("filled"),
    ];
    let constants = vec![words("empty", &[""]), words("most", &["S"])];
    let texts = [Some(known(&["C", "S", ""]))];
    assert_eq!(found(1, constants, compared), texts);
    // As scikit-learn's exporter has it: what fills in is computed of a constant.
    let most = strings_of("values_strings", &["S"]);
    let numbered = vec![
        node("LabelEncoder", &["zero"], &["most"], &[most]),
        node(
            "LabelEncoder",
            &["x"],
            &["missing"],
            &[strings_of("keys_strings", &[""])],
        ),
        node("Where", &["missing", "most", "x"], &["filled"], &[]),
        encode("filled"),
    ];
    assert_eq!(found(1, vec![wholes("zero", &[0])], numbered), texts);
    let other = vec![
        node("Where", &["x", "x", "z"], &["either"], &[]),
        encode("either"),
    ];
    assert_eq!(found(1, vec![], other), [None]);
}

#[test]
fn where_the_texts_are_looked_into_nothing_is_known() {
    let cats = strings_of("cats_strings", &["a"]);
    let one_hot = node("OneHotEncoder", &["x"], &["y"], &[cats]);
    let tokens = node("TfIdfVectorizer", &["x"], &["z"], &[]);
    assert_eq!(found(1, vec![], vec![one_hot, tokens]), [None]);
    assert_eq!(found(2, vec![], vec![]), [None, None]);
    assert_eq!(texts(b"\xff\xff", &[("x", 1)]), [None]);
}

#[test]
fn a_search_that_would_not_end_finds_nothing() {
    let doubled = (0..60).map(|step| {
        let from = if step == 0 {
            "x".to_owned()
        } else {
            format!("v{step}")
        };
        let to = format!("v{}", step + 1);
        node("Concat", &[&from, &from], &[&to], &[int("axis", 1)])
    });
    assert_eq!(found(1, vec![], doubled.collect()), [None]);
}

//! Several models that answer together.

use domain::datasets::ColumnType;
use domain::models::{InputField, OutputField, Signature};
use model::{
    Artifact, Axis, Background, Blend, BlendMember, Body, Classifier, Linear, Link, Neighbours,
    NotExplainable, Predictor, Prepared, PreparedColumn, Reference, Score, Step, Targets,
    Transform, Value, Weights, decode, encode,
};
use serde_json::Map;

fn input(name: &str) -> InputField {
    let field = serde_json::json!({"name": name, "type": ColumnType::Float, "nullable": false});
    serde_json::from_value(field).unwrap()
}

fn linear(intercept: f64, coefficient: f64) -> Linear {
    Linear {
        intercept,
        transforms: vec![Transform::Numeric {
            impute: 0.0,
            mean: 0.0,
            std: 1.0,
            coefficient,
        }],
    }
}

fn artifact(members: Vec<(f64, Body)>, output: OutputField) -> Artifact {
    let members = members
        .into_iter()
        .map(|(weight, body)| BlendMember { weight, body });
    Artifact {
        algorithm: "auto".to_owned(),
        params: Map::new(),
        signature: Signature {
            inputs: vec![input("x")],
            output,
        },
        body: Body::Blend(Blend {
            members: members.collect(),
        }),
        background: None,
    }
}

fn numbers() -> Artifact {
    let members = vec![
        (0.25, Body::Linear(linear(1.0, 2.0))),
        (0.75, Body::Linear(linear(5.0, -2.0))),
    ];
    artifact(members, OutputField::regression("y"))
}

fn classes() -> Artifact {
    let member = |coefficient| {
        Body::Classifier(Classifier {
            link: Link::Logistic,
            scores: vec![Score::Linear(linear(0.0, coefficient))],
        })
    };
    let classes = ["no", "yes"].map(str::to_owned).to_vec();
    artifact(
        vec![(0.5, member(1.0)), (0.5, member(3.0))],
        OutputField::classification("y", classes),
    )
}

#[test]
fn numbers_are_averaged() {
    let written = encode(&numbers()).unwrap();
    let read = decode(&written).unwrap();
    assert_eq!(read, numbers());
    assert_eq!(encode(&read).unwrap(), written);
    let predictor = Predictor::new(&read);
    let row = [Value::Number(3.0)];
    let number = predictor.number(&row).unwrap();
    assert!((number - (0.25 * 7.0 - 0.75)).abs() < 1e-12);
    let mut out = [0.0; 2];
    let done = predictor.predict_batch(&[row, row], &mut out);
    assert!(done.iter().all(Result::is_ok));
    assert_eq!(out.map(f64::to_bits), [number.to_bits(); 2]);
    assert_eq!(
        predictor.number(&[Value::Number(f64::MAX)]).is_ok(),
        predictor
            .predict(&[Value::Number(f64::MAX)], &mut out[..1])
            .is_ok()
    );
}

#[test]
fn of_classes_the_odds_are_averaged() {
    let predictor = Predictor::new(&decode(&encode(&classes()).unwrap()).unwrap());
    let mut out = [0.0; 2];
    predictor.predict(&[Value::Number(1.0)], &mut out).unwrap();
    let expected = 1.0 / (1.0 + (-2.0_f64).exp());
    assert!((out[1] - expected).abs() < 1e-12 && (out[0] + out[1] - 1.0).abs() < 1e-12);
    let mut batch = [0.0; 2];
    predictor.predict_batch(&[[Value::Number(1.0)]], &mut batch);
    assert_eq!(batch.map(f64::to_bits), out.map(f64::to_bits));
    // Whatever a row says, it has probabilities.
    predictor.predict(&[Value::Number(1e6)], &mut out).unwrap();
    assert!((out[1] - 1.0).abs() < 1e-12);
}

#[test]
fn what_members_add_is_added_up() {
    let mut artifact = numbers();
    artifact.background = Some(Background {
        scores: vec![Reference::Means(vec![4.0]), Reference::Means(vec![-4.0])],
    });
    let predictor = Predictor::new(&decode(&encode(&artifact).unwrap()).unwrap());
    let row = [Value::Number(3.0)];
    let [explained] = &predictor.explain(&row).unwrap()[..] else {
        panic!("a regression has one explanation")
    };
    let sum = explained.base + explained.contributions[0];
    assert!((sum - predictor.number(&row).unwrap()).abs() < 1e-12);
    assert!((explained.base - (0.25 * 5.0 + 0.75 * 1.0)).abs() < 1e-12);

    let predictor = Predictor::new(&classes());
    let odds = &predictor.explain(&[Value::Number(1.0)]).unwrap()[0];
    assert!((odds.base + odds.contributions[0] - 2.0).abs() < 1e-12);
    assert_eq!(predictor.explained_class(0), Some("yes"));
}

#[test]
fn exponentials_do_not_add_up() {
    let members = vec![
        (0.5, Body::Exponential(linear(0.0, 1.0))),
        (0.5, Body::Linear(linear(0.0, 1.0))),
    ];
    let predictor = Predictor::new(&artifact(members, OutputField::regression("y")));
    assert_eq!(predictor.explainable_rows(), Err(NotExplainable::Blended));
    let number = predictor.number(&[Value::Number(1.0)]).unwrap();
    assert!((number - f64::midpoint(1.0_f64.exp(), 1.0)).abs() < 1e-12);
}

/// What a model alone may be, and one that answers with others may not.
fn remembered() -> Body {
    Body::Neighbours(Neighbours {
        neighbors: 1,
        weights: Weights::Uniform,
        axes: vec![Axis::Numeric {
            impute: 0.0,
            mean: 0.0,
            std: 1.0,
        }],
        rows: vec![1.0],
        targets: Targets::Numbers(vec![1.0]),
    })
}

fn prepared() -> Body {
    Body::Prepared(Prepared {
        columns: vec![PreparedColumn {
            name: "x".to_owned(),
            input: 0,
            step: Step::Same,
        }],
        body: Box::new(Body::Linear(linear(1.0, 1.0))),
    })
}

#[test]
fn models_that_answer_alone_fit_the_inputs_of_these_members() {
    for body in [remembered(), prepared()] {
        let mut alone = numbers();
        alone.body = body;
        alone.check().unwrap();
    }
}

#[test]
fn a_blend_that_contradicts_itself_is_refused() {
    let broken = |change: &dyn Fn(&mut Blend)| {
        let mut artifact = numbers();
        let Body::Blend(blend) = &mut artifact.body else {
            unreachable!()
        };
        change(blend);
        encode(&artifact).unwrap_err().to_string()
    };
    for (change, expected) in [
        (
            &(|blend: &mut Blend| blend.members[0].weight = 0.3) as &dyn Fn(&mut Blend),
            "adds up to",
        ),
        (&|blend| blend.members[0].weight = -1.0, "must be above 0"),
        (&|blend| blend.members.truncate(1), "2 to 8"),
        (
            &|blend| {
                let inner = Body::Blend(blend.clone());
                blend.members[0].body = inner;
            },
            "of a kind that can not",
        ),
        (
            &|blend| blend.members[0].body = remembered(),
            "of a kind that can not",
        ),
        (
            &|blend| blend.members[0].body = prepared(),
            "of a kind that can not",
        ),
        (
            &|blend| blend.members[0].body = classes().body,
            "its signature is of",
        ),
        (
            &|blend| {
                blend.members[0].body = Body::Linear(Linear {
                    intercept: 0.0,
                    transforms: Vec::new(),
                });
            },
            "transforms",
        ),
    ] {
        let told = broken(change);
        assert!(told.contains(expected), "{told}");
    }
}

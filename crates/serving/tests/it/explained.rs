//! Predictions with what each input adds to them.

use domain::Error;
use domain::datasets::ColumnType;
use domain::models::OutputField;
use domain::predictions::{Explanation, PredictResponse, Route, Scale, SingleExplanation};
use model::{
    Artifact, Background, Classifier, Linear, Link, Node, Reference, Score, Split, Test, Tree,
    Trees,
};
use serving::dialects::{Explained, Native};
use serving::predict::{Answer, Request, from_deployment};

use crate::built::{Built, ROW, artifact, input, numeric, request};

fn explained(body: &str) -> Request<'_, Explained> {
    let request = request(body);
    Request {
        dialect: &Explained,
        body: request.body,
        request_id: request.request_id,
        routing_key: request.routing_key,
        forced: request.forced,
        now: request.now,
        arrived: request.arrived,
    }
}

fn ask(built: &Built, request: &Request<'_, Explained>) -> domain::Result<Answer> {
    let snapshot = built.snapshot();
    let deployment = snapshot.deployment(built.project, "price").unwrap();
    from_deployment(&built.recorder, deployment, request)
}

fn response(answer: &Answer) -> PredictResponse {
    serde_json::from_slice(&answer.body).unwrap()
}

fn explanations(answer: &Answer) -> Vec<Explanation> {
    let all = response(answer).explanations.into_iter();
    all.map(|one| serde_json::from_value(one).unwrap())
        .collect()
}

/// As [`artifact`], with a split of `rooms` alone.
fn grown(background: bool) -> Vec<u8> {
    let split = Split {
        input: 0,
        test: Test::Below(2.0),
        missing_left: true,
        right: 2,
    };
    let nodes = vec![Node::Split(split), Node::Leaf(-4.0), Node::Leaf(8.0)];
    let inputs = vec![
        input("rooms", ColumnType::Integer, false),
        input("area", ColumnType::Float, true),
        input("place", ColumnType::String, false),
        input("flag", ColumnType::Boolean, true),
    ];
    let trees = Trees {
        base: 10.0,
        trees: vec![Tree { nodes }],
    };
    let artifact = Artifact {
        background: background.then(|| Background {
            scores: vec![Reference::Covers(vec![vec![4, 3, 1]])],
        }),
        ..Artifact::trees("price", inputs, trees)
    };
    model::encode(&artifact).unwrap()
}

#[test]
fn every_row_has_its_explanation_beside_the_prediction() {
    let built = Built::new(artifact(10.0), artifact(20.0));
    let body = r#"{"inputs":[{"rooms":3,"area":1.5,"place":"NEAR BAY","flag":false},{"rooms":1,"place":"INLAND"}]}"#;
    let answer = ask(&built, &explained(body)).unwrap();
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert!(
        text.ends_with(
            r#","request_id":"r1","explanations":[{"scale":"prediction","base":10.0,"contributions":{"rooms":6.0,"area":1.5,"place":1000.0,"flag":0.0}},{"scale":"prediction","base":10.0,"contributions":{"rooms":2.0,"area":0.0,"place":0.0,"flag":0.0}}]}"#
        ),
        "{text}"
    );
    let snapshot = built.snapshot();
    let deployment = snapshot.deployment(built.project, "price").unwrap();
    let plain = from_deployment(&built.recorder, deployment, &request(body)).unwrap();
    assert_eq!(response(&answer).predictions, response(&plain).predictions);
    assert!(
        !String::from_utf8(plain.body)
            .unwrap()
            .contains("explanations")
    );

    let built = Built::new(grown(true), artifact(20.0));
    let answer = ask(&built, &explained(ROW)).unwrap();
    let [
        Explanation::Single(SingleExplanation {
            scale: Scale::Prediction,
            class: None,
            base,
            contributions,
        }),
    ] = &explanations(&answer)[..]
    else {
        panic!("{answer:?}")
    };
    // Three of four rows have fewer rooms: on average 10 - 1.
    assert!((base - 9.0).abs() < 1e-12 && (contributions["rooms"] - 9.0).abs() < 1e-12);
}

#[test]
fn of_several_classes_each_has_its_own() {
    let classes = ["a", "b", "c"].map(str::to_owned);
    let score = |coefficient| {
        Score::Linear(Linear {
            intercept: 0.5,
            transforms: vec![numeric(coefficient)],
        })
    };
    let classifier = |link, classes: &[String], coefficients: &[f64]| {
        let artifact = Artifact::classifier(
            "logistic_regression",
            OutputField::classification("kind", classes.to_vec()),
            vec![input("rooms", ColumnType::Integer, false)],
            Classifier {
                link,
                scores: coefficients.iter().copied().map(score).collect(),
            },
        );
        let built = Built::new(model::encode(&artifact).unwrap(), self::artifact(20.0));
        let answer = ask(&built, &explained(r#"{"inputs":{"rooms":3}}"#)).unwrap();
        explanations(&answer).remove(0)
    };
    let Explanation::Classes(of) = classifier(Link::Softmax, &classes, &[1.0, 2.0, -1.0]) else {
        panic!("one explanation of three classes")
    };
    assert_eq!(of.scale, Scale::Score);
    let adds: Vec<f64> = of
        .classes
        .values()
        .map(|of| of.contributions["rooms"])
        .collect();
    assert_eq!(adds, [3.0, 6.0, -3.0]);
    let Explanation::Single(of) = classifier(Link::Logistic, &classes[..2], &[2.0]) else {
        panic!("two explanations of two classes")
    };
    assert_eq!((of.scale, of.class.as_deref()), (Scale::LogOdds, Some("b")));
    assert!((of.base - 0.5).abs() < 1e-12 && (of.contributions["rooms"] - 6.0).abs() < 1e-12);
}

#[test]
fn what_can_not_be_explained_is_refused_and_no_fault() {
    let old = Built::new(grown(false), artifact(20.0));
    let error = ask(&old, &explained(ROW)).unwrap_err();
    assert_eq!((error.code(), error.status()), ("not_explainable", 422));
    assert!(error.to_string().contains("train it again"), "{error}");
    let mut refused = 0;
    old.recorder
        .collect(crate::built::at(500), |_, counts| refused += counts.refused);
    assert_eq!(refused, 1);

    let rows = vec![r#"{"rooms":1,"place":"INLAND"}"#; 101].join(",");
    let many = format!(r#"{{"inputs":[{rows}]}}"#);
    let built = Built::new(artifact(10.0), artifact(20.0));
    let Err(Error::Invalid(errors)) = ask(&built, &explained(&many)) else {
        panic!("101 rows were explained")
    };
    assert_eq!(
        (errors[0].pointer.as_str(), errors[0].code.as_str()),
        ("/inputs", "out_of_range")
    );
    assert!(errors[0].expected.contains("100 rows"), "{errors:?}");
}

#[test]
fn a_canary_that_can_not_be_explained_is_stood_in_for_and_not_blamed() {
    let built = Built::new(artifact(10.0), grown(false)).with_canary(100.0);
    let answer = ask(&built, &explained(ROW)).unwrap();
    assert_eq!((answer.version, answer.route), (1, Route::Stable));
    assert_eq!(explanations(&answer).len(), 1);
    let mut routes = Vec::new();
    built.recorder.collect(crate::built::at(500), |subject, _| {
        routes.push(subject.route);
    });
    assert_eq!(routes, [Route::Stable], "the canary is counted for nothing");
    let snapshot = built.snapshot();
    let deployment = snapshot.deployment(built.project, "price").unwrap();
    let plain: Request<'_, Native> = request(ROW);
    let plain = from_deployment(&built.recorder, deployment, &plain).unwrap();
    assert_eq!(plain.route, Route::Canary);
}

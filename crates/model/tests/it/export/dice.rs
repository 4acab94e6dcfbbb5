//! Parts of models that look random and are the same every time.

use domain::datasets::ColumnType;
use domain::models::InputField;
use model::{
    Axis, Body, Densities, Density, Linear, Neighbours, Node, OTHER, Prepared, PreparedColumn,
    Split, Step, Targets, Test, Transform, Tree, Trees, Value, Weights,
};

use crate::houses;

use super::CITIES;

/// Numbers that look random and are the same every time.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    fn number(&mut self) -> f64 {
        (self.below(20_001) as f64 - 10_000.0) / 500.0
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(super) fn linear(&mut self) -> Linear {
        let houses = houses();
        let Body::Linear(mut linear) = houses.body else {
            panic!("not linear");
        };
        linear.intercept = self.number();
        for transform in &mut linear.transforms {
            match transform {
                Transform::Numeric {
                    impute,
                    mean,
                    std,
                    coefficient,
                    ..
                } => {
                    for number in [impute, mean, coefficient] {
                        *number = self.number();
                    }
                    *std = self.number().abs() + 0.1;
                }
                Transform::Categorical {
                    impute,
                    effects,
                    other,
                    ..
                } => {
                    *impute = self.below(effects.len() as u64) as u32;
                    for effect in effects.iter_mut().chain([other]) {
                        *effect = self.number();
                    }
                }
            }
        }
        linear
    }

    fn tree(&mut self, depth: u32) -> Tree {
        let mut nodes = Vec::new();
        self.grow(&mut nodes, depth);
        Tree { nodes }
    }

    fn grow(&mut self, nodes: &mut Vec<Node>, depth: u32) {
        if depth == 0 || self.below(6) == 0 {
            nodes.push(Node::Leaf(self.number()));
            return;
        }
        let input = self.below(4) as u32;
        let known = if input == 2 { CITIES } else { 2 };
        let test = if input < 2 {
            Test::Below(self.number())
        } else {
            Test::Among {
                categories: (0..known as u32).filter(|_| self.flag()).collect(),
                other: self.flag(),
            }
        };
        let place = nodes.len();
        nodes.push(Node::Leaf(0.0));
        self.grow(nodes, depth - 1);
        let right = nodes.len() as u32;
        self.grow(nodes, depth - 1);
        nodes[place] = Node::Split(Split {
            input,
            test,
            missing_left: self.flag(),
            right,
        });
    }

    pub(super) fn trees(&mut self) -> Trees {
        let count = self.below(6);
        Trees {
            base: self.number(),
            trees: (0..count).map(|_| self.tree(4)).collect(),
        }
    }

    pub(super) fn densities(&mut self, cuts: &[Vec<f64>; 2]) -> Densities {
        let mut list = |count: usize| -> Vec<f64> { (0..count).map(|_| self.number()).collect() };
        let mut terms: Vec<Density> = cuts
            .iter()
            .map(|cuts| Density::Ranges {
                cuts: cuts.clone(),
                terms: list(cuts.len() + 1),
            })
            .collect();
        for known in [CITIES, 2] {
            terms.push(Density::Categorical {
                terms: list(known),
                other: list(1)[0],
            });
        }
        Densities {
            base: list(1)[0],
            terms,
        }
    }

    /// Some rows stand twice, and many are equally far.
    pub(super) fn neighbours(&mut self, weights: Weights, classes: Option<u64>) -> Neighbours {
        let numeric = |scale: f64| Axis::Numeric {
            impute: 1.0,
            mean: 0.5,
            std: scale,
        };
        let count = 60;
        let mut rows = Vec::new();
        for _ in 0..count {
            rows.extend((0..2).map(|_| self.below(5) as f64 / 2.0 - 1.0));
            rows.extend([CITIES, 2].map(|known| self.below(known as u64 + 1) as f64));
        }
        let categorical = |impute| Axis::Categorical { impute };
        Neighbours {
            neighbors: 1 + self.below(9) as u32,
            weights,
            axes: vec![numeric(8.0), numeric(4.0), categorical(2), categorical(0)],
            rows,
            targets: match classes {
                None => Targets::Numbers((0..count).map(|_| self.number()).collect()),
                Some(classes) => {
                    Targets::Classes((0..count).map(|_| self.below(classes) as u32).collect())
                }
            },
        }
    }

    /// Columns that are made of the inputs in every way, and a body that takes them.
    pub(super) fn prepared(&mut self, logarithm: bool) -> Body {
        let column = |input, step| PreparedColumn {
            name: format!("made of {input}"),
            input,
            step,
        };
        let columns = vec![
            column(
                0,
                Step::Number {
                    missing: Some(self.number()),
                    logarithm,
                },
            ),
            column(
                1,
                Step::Number {
                    missing: None,
                    logarithm,
                },
            ),
            column(2, Step::Same),
            column(3, Step::Category { missing: 1 }),
            column(1, Step::IsMissing),
            column(2, Step::IsMissing),
            column(
                2,
                Step::Lookup {
                    numbers: (0..CITIES).map(|_| self.number()).collect(),
                    other: self.number(),
                    missing: self.flag().then_some(0.5),
                },
            ),
            column(0, Step::Same),
        ];
        let mut linear = self.linear();
        let numeric = linear.transforms[0].clone();
        linear.transforms.extend([0; 4].map(|_| numeric.clone()));
        Body::Prepared(Prepared {
            columns,
            body: Box::new(Body::Linear(linear)),
        })
    }

    pub(super) fn cuts(&mut self) -> [Vec<f64>; 2] {
        [0; 2].map(|_| {
            let mut cuts: Vec<f64> = (0..self.below(5)).map(|_| self.number()).collect();
            cuts.sort_unstable_by(f64::total_cmp);
            cuts.dedup();
            cuts
        })
    }

    fn value(&mut self, input: &InputField) -> Value {
        if input.nullable && self.below(4) == 0 {
            return Value::Missing;
        }
        match input.kind {
            ColumnType::Boolean => Value::Category(self.below(2) as u32),
            ColumnType::String => match self.below(CITIES as u64 + 1) as usize {
                CITIES => Value::Category(OTHER),
                city => Value::Category(city as u32),
            },
            ColumnType::Float | ColumnType::Integer => Value::Number(self.number()),
        }
    }

    pub(super) fn rows(&mut self, inputs: &[InputField]) -> Vec<Vec<Value>> {
        (0..40)
            .map(|_| inputs.iter().map(|input| self.value(input)).collect())
            .collect()
    }
}

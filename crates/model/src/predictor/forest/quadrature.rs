//! Gauss's quadrature: from a few points, the exact integral of a polynomial.

use std::f64::consts::PI;

/// Points between 0 and 1, and what each weighs; the weights add up to 1. With `n` of them, the integral from 0 to 1 of a polynomial
/// of a degree below `2 n` is the weighted sum of its values there.
#[derive(Clone, Debug)]
pub(super) struct Quadrature {
    pub(super) points: Box<[f64]>,
    pub(super) weights: Box<[f64]>,
}

/// Newton's method doubles the digits with each step; these are more than it takes.
const STEPS: usize = 100;

impl Quadrature {
    /// The points are where the Legendre polynomial of degree `n` is 0.
    pub(super) fn new(n: usize) -> Self {
        let degree = n as f64;
        let (points, weights) = (0..n)
            .map(|place| {
                let mut x = (PI * (place as f64 + 0.75) / (degree + 0.5)).cos();
                let mut slope = 1.0;
                for _ in 0..STEPS {
                    let value;
                    (value, slope) = legendre(n, x);
                    let step = value / slope;
                    x -= step;
                    if step.abs() < 1e-15 {
                        break;
                    }
                }
                ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
            })
            .unzip::<f64, f64, Vec<f64>, Vec<f64>>();
        Self {
            points: points.into_boxed_slice(),
            weights: weights.into_boxed_slice(),
        }
    }
}

/// The Legendre polynomial of this degree, from 1 up, between -1 and 1: its value and its slope.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=degree {
        let k = k as f64;
        (before, value) = (
            value,
            ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k,
        );
    }
    (value, degree as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for n in [1, 2, 3, 8, 33, 256] {
            let Quadrature { points, weights } = Quadrature::new(n);
            assert!(points.iter().all(|point| (0.0..1.0).contains(point)));
            for degree in [0, 1, n, 2 * n - 1] {
                let pairs = points.iter().zip(&weights);
                let sum: f64 = pairs
                    .map(|(point, weight)| weight * point.powi(degree as i32))
                    .sum();
                let exact = 1.0 / (degree as f64 + 1.0);
                assert!(
                    (sum - exact).abs() < 1e-13,
                    "{n} points, degree {degree}: {sum}"
                );
            }
        }
    }
}

//! What rows have in common: their gradients and curvatures, added up as whole numbers.

/// What a row adds, and what rows add up to: with one lane the gradient and the count of rows in its low bits, with two these of the
/// curvature, with three each by itself. With one the curvature of every row is 1.
pub(super) type Lanes<const W: usize> = [i64; W];

/// Bits of a rounded number at most: 64-bit floats add no more.
const MOST_BITS: u32 = 50;

/// What whole numbers stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    /// Bits of the count.
    shift: u32,
    gradient: f64,
    curvature: f64,
    /// How many there are of each unit.
    gradients: f64,
    curvatures: f64,
}

/// Of some rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) gradient: f64,
    pub(super) curvature: f64,
    pub(super) rows: u32,
}

impl Unit {
    /// For so many rows, of which none has a larger gradient or curvature.
    pub(super) fn new<const W: usize>(rows: usize, gradient: f64, curvature: f64) -> Self {
        let shift = usize::BITS - rows.leading_zeros();
        let bits = |is_shared: bool| {
            let bits = 62 - shift - if is_shared { shift } else { 0 };
            f64::from(bits.min(MOST_BITS)).exp2()
        };
        let units = |largest: f64, bits: f64| {
            let units = bits / largest;
            if units.is_finite() { units } else { 0.0 }
        };
        let gradients = units(gradient, bits(W == 1));
        let curvatures = units(curvature, bits(W == 2));
        let of = |units: f64| if units > 0.0 { 1.0 / units } else { 0.0 };
        Self {
            shift,
            gradient: of(gradients),
            curvature: of(curvatures),
            gradients,
            curvatures,
        }
    }

    /// What rounding may make of the gradient of a row.
    pub(super) fn rounding(&self) -> f64 {
        self.gradient
    }

    #[inline]
    pub(super) fn row<const W: usize>(&self, gradient: f64, curvature: f64) -> Lanes<W> {
        let gradient = (gradient * self.gradients).round_ties_even() as i64;
        let curvature = (curvature * self.curvatures).round_ties_even() as i64;
        let parts = match W {
            1 => [(gradient << self.shift) + 1, 0, 0],
            2 => [gradient, (curvature << self.shift) + 1, 0],
            _ => [gradient, curvature, 1],
        };
        std::array::from_fn(|lane| parts[lane])
    }

    #[inline]
    pub(super) fn read<const W: usize>(&self, lanes: &Lanes<W>) -> Sums {
        let count = |lane: i64| (lane & ((1 << self.shift) - 1)) as u32;
        match lanes[..] {
            [all] => {
                let rows = count(all);
                Sums {
                    gradient: (all >> self.shift) as f64 * self.gradient,
                    curvature: f64::from(rows),
                    rows,
                }
            }
            [gradient, rest] => Sums {
                gradient: gradient as f64 * self.gradient,
                curvature: (rest >> self.shift) as f64 * self.curvature,
                rows: count(rest),
            },
            [gradient, curvature, rows, ..] => Sums {
                gradient: gradient as f64 * self.gradient,
                curvature: curvature as f64 * self.curvature,
                rows: rows as u32,
            },
            [] => Sums::default(),
        }
    }
}

#[inline]
pub(super) fn add<const W: usize>(to: &mut Lanes<W>, more: &Lanes<W>) {
    for (to, more) in to.iter_mut().zip(more) {
        *to += more;
    }
}

#[inline]
pub(super) fn take<const W: usize>(from: &mut Lanes<W>, less: &Lanes<W>) {
    for (from, less) in from.iter_mut().zip(less) {
        *from -= less;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn adds_up<const W: usize>(rows: &[(f64, f64)]) {
        let largest = |of: fn(&(f64, f64)) -> f64| rows.iter().map(of).fold(0.0, f64::max);
        let unit = Unit::new::<W>(
            rows.len(),
            largest(|(gradient, _)| gradient.abs()),
            largest(|(_, curvature)| *curvature),
        );
        let mut lanes = [0; W];
        let mut sums = (0.0, 0.0);
        for (gradient, curvature) in rows {
            let curvature = if W == 1 { 1.0 } else { *curvature };
            add(&mut lanes, &unit.row::<W>(*gradient, curvature));
            sums.0 += gradient;
            sums.1 += curvature;
        }
        let read = unit.read(&lanes);
        assert_eq!(read.rows as usize, rows.len());
        let scale = largest(|(gradient, _)| gradient.abs()) * rows.len() as f64;
        assert!((read.gradient - sums.0).abs() <= 1e-9 * scale);
        assert!((read.curvature - sums.1).abs() <= 1e-9 * sums.1.max(1e-300));
    }

    proptest! {
        #[test]
        fn whole_numbers_add_up_to_what_the_rows_have(
            rows in proptest::collection::vec((-9.0..9.0f64, 0.0..1.0f64), 1..300),
        ) {
            adds_up::<1>(&rows);
            adds_up::<2>(&rows);
            adds_up::<3>(&rows);
        }
    }
}

//! Fitting models to encoded rows.

pub(crate) mod linear_regression;
mod reduction;

pub(crate) use reduction::Reduction;

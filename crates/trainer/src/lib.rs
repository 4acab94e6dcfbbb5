//! Reading tables, profiling them, training models on them, scoring them, and importing models. All of it runs in a child
//! process with limits on memory, time and files: here are pure functions of a file and a request, which report through callbacks, and the
//! child's side of its conversation with the server ([`child`]).

mod again;
mod auto;
pub mod child;
mod divide;
mod error;
mod evaluate;
mod failure;
mod features;
mod fit;
mod folds;
mod import;
mod leaks;
mod learn;
mod package;
mod prepare;
mod profile;
pub mod read;
mod score;
mod split;
mod stream;
mod table;
mod target;
mod train;
mod version;

pub use error::DataError;
pub use import::{Imported, NotImported, import};
pub use profile::profile;
pub use score::{Rival, ScoreSpec, ScoredTable, compare, score};
pub use split::{RowSplit, split, split_stratified};
pub use train::{TrainEvent, Trained, train, train_again};
pub use version::version;

//! Engines elsewhere that compute versions, reached over HTTP by the one client for addresses that others name.

mod import;
mod line;

use std::sync::Arc;

use domain::models::RemoteToken;
use model::Remote;
use serving::remote::{EngineName, Line, Lines};

use crate::outbound::Outbound;
use line::RemoteLine;

pub use import::import;

/// Ways to engines, for the versions that are served.
#[derive(Debug)]
pub struct RemoteLines {
    outbound: Arc<Outbound>,
}

impl RemoteLines {
    pub fn new(outbound: Arc<Outbound>) -> Self {
        Self { outbound }
    }
}

impl Lines for RemoteLines {
    fn to(&self, name: &EngineName, remote: &Remote, token: Option<&RemoteToken>) -> Arc<dyn Line> {
        let outbound = Arc::clone(&self.outbound);
        Arc::new(RemoteLine::new(outbound, &remote.endpoint, token).counted_as(name))
    }
}

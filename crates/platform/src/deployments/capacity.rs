//! How much a process does for a deployment at once, and whether it is ready for it all the time.

use domain::deployments::{Capacity, Deployment};
use domain::{Actor, Name, Result};
use serde_json::{Map, Value, json};

use super::settings::{self, Setting};
use crate::Platform;

/// Sets all of it. What is set already changes nothing.
///
/// # Errors
/// `Invalid`, naming every setting that is out of its range.
pub async fn set_capacity(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    capacity: Capacity,
) -> Result<Deployment> {
    let setting = || capacity.checked().map(Setting::Capacity);
    settings::set(platform, actor, project, name, setting).await
}

pub(super) fn reason(name: &Name, capacity: Capacity) -> String {
    let Capacity {
        max_in_flight,
        max_queue,
        max_batch,
        max_delay_us,
        ..
    } = capacity;
    let crowd = match max_in_flight {
        None => "any number of predictions in flight".to_owned(),
        Some(turns) => format!("at most {turns} predictions in flight, and {max_queue} waiting"),
    };
    let warmth = match capacity.idle_seconds() {
        None => "its versions stay loaded".to_owned(),
        Some(seconds) => {
            format!("its versions are let go after {seconds} s without a request")
        }
    };
    let delay = match max_delay_us {
        0 => String::new(),
        micros => format!(", and wait {micros} µs for more"),
    };
    format!("{name} has {crowd}; {warmth}; its batches have at most {max_batch} rows{delay}")
}

/// Of what a ledger row says is live.
pub(super) fn members(capacity: Capacity) -> Map<String, Value> {
    let Capacity {
        max_in_flight,
        max_queue,
        min_warm,
        idle_seconds,
        max_batch,
        max_delay_us,
    } = capacity;
    let members = [
        ("max_in_flight", json!(max_in_flight)),
        ("max_queue", json!(max_queue)),
        ("min_warm", json!(min_warm)),
        ("idle_seconds", json!(idle_seconds)),
        ("max_batch", json!(max_batch)),
        ("max_delay_us", json!(max_delay_us)),
    ];
    Map::from_iter(members.map(|(name, value)| (name.to_owned(), value)))
}
